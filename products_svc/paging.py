"""Where a listing goes on, as text that callers don't look into (AIP-158).

A token holds the last product id and a digest that binds it to its caller. The digest is no
secret, because none is needed: whoever makes up a token reads the same grants that are listed to
that caller anyway. It turns tokens that were cut, mixed up or carried over into clear refusals.
"""

import hashlib

from waybill import base64url
from waybill.errors import InvalidRequest

_DIGEST_BYTES = 12
_PURPOSE = b"shop.products.v1.ListProducts page 1\0"


def encode(last_product_id: str, subject: str) -> str:
    """The token of the page that follows `last_product_id` in `subject`'s list."""
    last = last_product_id.encode()
    return base64url.encode(_digest(last, subject) + last)


def decode(token: str, subject: str) -> str:
    """The product id after which the page begins; empty for an empty token.

    Raises:
        InvalidRequest: no token of `encode` for this subject.
    """
    if not token:
        return ""
    try:
        last = base64url.decode(token.encode())[_DIGEST_BYTES:].decode()
    except ValueError:
        last = ""
    # Whoever makes a token up may write what a database cannot compare with.
    if not last or not last.isprintable() or encode(last, subject) != token:
        text = "is no page token of this list; start without one"
        raise InvalidRequest({"page_token": text})
    return last


def _digest(last: bytes, subject: str) -> bytes:
    return hashlib.sha256(_PURPOSE + subject.encode() + b"\0" + last).digest()[:_DIGEST_BYTES]
