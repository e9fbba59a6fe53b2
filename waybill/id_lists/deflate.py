"""Rung `deflate`: a general compressor for ids that are words; the better one for short lists."""

import zlib
from collections.abc import Sequence

from waybill.id_lists import front
from waybill.id_lists.codec import Limits

_LEVEL = 9
_WINDOW_BITS = -15
"""The largest window, and no zlib header or checksum: what carries this is signed."""


class Deflate:
    """Raw DEFLATE (RFC 1951) of the front-coded ids."""

    def encode(self, ids: Sequence[str]) -> bytes:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, zlib.DEF_MEM_LEVEL)
        return packer.compress(front.to_text(ids)) + packer.flush()

    def decode(self, body: bytes, limits: Limits) -> list[str]:
        """Any stream of the right text will do: builds of zlib differ in what they write."""
        return front.from_text(_inflate(body, limits.max_text_bytes), limits)


def _inflate(body: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(_WINDOW_BITS)
    try:
        text = unpacker.decompress(body, max_bytes)
    except zlib.error:
        raise ValueError("not a DEFLATE stream") from None
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("not one whole stream within the bound")
    return text
