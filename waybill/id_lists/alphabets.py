"""The alphabets that the columns of ids are taken from, each in ASCII's order."""

from waybill.id_lists.codec import ID_CHARACTERS

_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
DIGITS = b"0123456789"

ALPHABETS = (
    b"01",
    b"89ab",  # the variant of a UUID (RFC 9562, section 4.1)
    b"89AB",
    b"01234567",  # the first character of a ULID (https://github.com/ulid/spec)
    DIGITS,
    DIGITS + b"abcdef",
    DIGITS + b"ABCDEF",
    _UPPER,
    _LOWER,
    b"0123456789ABCDEFGHJKMNPQRSTVWXYZ",  # Crockford's base 32, as in ULIDs
    b"234567" + _UPPER,  # base 32 (RFC 4648, section 6)
    DIGITS + _UPPER,
    DIGITS + _LOWER,
    DIGITS + _UPPER + _LOWER,
    ID_CHARACTERS,
)
"""From small to large; a column takes the first that holds all of its characters. The place is what
travels, so nothing is ever moved or taken away here."""


def smallest(characters: bytes) -> bytes:
    """The alphabet of a column with these characters: one of `ALPHABETS`, or the only character."""
    if len(characters) == 1:
        return characters
    return next(each for each in ALPHABETS if not characters.translate(None, each))
