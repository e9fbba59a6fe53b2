"""Where a listing goes on, as text that callers don't look into (AIP-158)."""

import base64
import binascii
import struct

from waybill.errors import InvalidRequest

_FORMAT = struct.Struct(">BQ")
_VERSION = 1


def encode(before: int | None) -> str:
    """The token of the page that follows order number `before`; empty for None."""
    if before is None:
        return ""
    return base64.urlsafe_b64encode(_FORMAT.pack(_VERSION, before)).decode()


def decode(token: str) -> int | None:
    """The order number that `token` holds; None for an empty one.

    Raises:
        InvalidRequest: no token of `encode`.
    """
    if not token:
        return None
    try:
        version, before = _FORMAT.unpack(base64.urlsafe_b64decode(token))
    except (binascii.Error, struct.error, ValueError):
        version, before = 0, 0
    if version != _VERSION or encode(before) != token or before >= 2**63:
        raise InvalidRequest({"page_token": "is not a page token of this service"})
    assert isinstance(before, int)
    return before
