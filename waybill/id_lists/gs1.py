"""The check digit of GTINs (GS1 General Specifications, section 7.9), for many at once."""

from collections.abc import Sequence

LENGTHS = frozenset({8, 12, 13, 14})
"""Digits of a GTIN, the check digit included."""

_VALUES = bytes(byte - 48 if 48 <= byte <= 57 else 0 for byte in range(256))
_CHECKS = bytes(48 + -total % 10 for total in range(256))


def check_column(columns: Sequence[bytes]) -> bytes:
    """The column of check digits from the columns of digits before it, at most 13 of them.

    A column is one long number with a byte for each id. The weighted sum stays below 256 (seven
    times 27 and six times 9 are 243), so no byte runs over into the next.
    """
    total = 0
    for place, column in enumerate(reversed(columns)):
        weight = 1 if place % 2 else 3
        total += weight * int.from_bytes(column.translate(_VALUES), "big")
    return total.to_bytes(len(columns[0]), "big").translate(_CHECKS)
