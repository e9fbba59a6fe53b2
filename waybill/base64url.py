"""Unpadded base64url, canonical only (RFC 7515, section 2; RFC 4648, section 3.5)."""

import base64
import binascii


def encode(data: bytes) -> str:
    """`data` in the URL-safe alphabet, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: bytes) -> bytes:
    """The bytes that encode to exactly `text`.

    Encoding the result again is the whole check: it leaves no room for another alphabet, padding,
    white space or stray trailing bits, each of which would be a second spelling of the same token.

    Raises:
        ValueError: `text` is not the canonical encoding of anything.
    """
    try:
        data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text:
        raise ValueError("not canonical base64url")
    return data
