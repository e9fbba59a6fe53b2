"""Bytes that unfold into far more than they are."""

import zlib

from waybill import id_lists


def packed_list() -> bytes:
    """A packed list of a thousand bytes that unfolds into a million."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = stream.compress(b"0a\n" * 350_000) + stream.flush()
    return bytes([id_lists.TAGS["deflate"]]) + body
