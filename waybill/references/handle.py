"""Handles: 128 random bits that mean nothing to whoever carries them.

A handle is a secret like a password: whoever knows it may present it. So the store never sees one;
it files each record under a digest, from which nobody gets back to the handle. 128 bits of chance
need no salt and no slow hash. The audience is part of what is digested, so that a handle issued for
another service leads nowhere here, by the same single look-up as one that nobody ever issued.
"""

import hashlib
import secrets

from waybill import base64url

HANDLE_BYTES = 16
"""128 bits: among 2**40 live handles, 2**40 guesses find one with a chance of 2**-48."""
HANDLE_CHARACTERS = 22
"""The same in unpadded base64url."""

_DOMAIN = b"waybill reference v1"


def new_handle() -> str:
    """A fresh handle as it travels, from the operating system's randomness."""
    return base64url.encode(secrets.token_bytes(HANDLE_BYTES))


def name_of(handle: str, audience: str) -> bytes:
    """The name under which the store files what `handle` stands for: a SHA-256 digest.

    Raises:
        ValueError: `handle` is not 16 bytes in canonical base64url.
    """
    if len(handle) != HANDLE_CHARACTERS:
        raise ValueError("not the length of a handle")
    # UnicodeEncodeError is a ValueError, too.
    secret = base64url.decode(handle.encode("ascii"))
    parts = (_DOMAIN, audience.encode(), secret)
    return hashlib.sha256(b"".join(len(p).to_bytes(4, "big") + p for p in parts)).digest()
