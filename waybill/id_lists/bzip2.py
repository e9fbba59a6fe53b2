"""Rung `bzip2`: a general compressor for ids that are words; the better one for long lists."""

import bz2
from collections.abc import Sequence

from waybill.id_lists import front
from waybill.id_lists.codec import Limits

_LEVEL = 7
"""In 100,000 bytes of one block: the largest page of the longest ids is 650,000."""
_HEAD = b"BZh%d" % _LEVEL
"""Always the same, so it does not travel, and bounds a decoder's memory to one block of ours."""


class Bzip2:
    """A bzip2 stream of the front-coded ids, without its first four bytes."""

    def encode(self, ids: Sequence[str]) -> bytes:
        return bz2.compress(front.to_text(ids), _LEVEL).removeprefix(_HEAD)

    def decode(self, body: bytes, limits: Limits) -> list[str]:
        """Any stream of the right text will do, as with `deflate`."""
        return front.from_text(_decompress(_HEAD + body, limits.max_text_bytes), limits)


def _decompress(data: bytes, max_bytes: int) -> bytes:
    unpacker = bz2.BZ2Decompressor()
    try:
        text = unpacker.decompress(data, max_bytes)
    except OSError:
        raise ValueError("not a bzip2 stream") from None
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("not one whole stream within the bound")
    return text
