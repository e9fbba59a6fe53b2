"""Product ids of the kinds that real catalogues have, the same ones for the same seed."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from random import Random

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The alphabet of ULIDs (https://github.com/ulid/spec)."""

_FIRST_ULID_MS = 1_700_000_000_000
_SKU_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class IdKind(StrEnum):
    """What product ids look like."""

    SKU = "sku"
    INT = "int"
    UUID4 = "uuid4"
    ULID = "ulid"
    GTIN13 = "gtin13"


def product_ids(kind: IdKind, count: int, random: Random) -> Iterator[str]:
    """`count` distinct ids."""
    return _MAKERS[kind](count, random)


def gtin_check_digit(digits: str) -> int:
    """The last digit of a GTIN, from those before it (GS1 General Specifications, 7.9)."""
    weighted = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return -weighted % 10


def _skus(count: int, random: Random) -> Iterator[str]:
    """Three letters of a product group, six digits, and two of a variant."""
    for number in random.sample(range(1_000_000), count):
        group = "".join(random.choices(_SKU_LETTERS, k=3))
        yield f"{group}-{number:06d}-{random.randrange(100):02d}"


def _ints(count: int, random: Random) -> Iterator[str]:
    """What a database's counter would have given, with gaps: seven digits."""
    yield from map(str, random.sample(range(1_000_000, 10_000_000), count))


def _uuids(count: int, random: Random) -> Iterator[str]:
    """Random UUIDs (RFC 9562); 122 random bits don't repeat."""
    for _ in range(count):
        yield str(uuid.UUID(int=random.getrandbits(128), version=4))


def _ulids(count: int, random: Random) -> Iterator[str]:
    """ULIDs whose time rises from one to the next, as they would from one source."""
    milliseconds = _FIRST_ULID_MS
    for _ in range(count):
        milliseconds += random.randint(1, 1000)
        yield _crockford(milliseconds << 80 | random.getrandbits(80), 26)


def _gtins(count: int, random: Random) -> Iterator[str]:
    """GTIN-13 of the range for use within a company (prefixes 20 to 29), so no one's product."""
    for number in random.sample(range(200_000_000_000, 300_000_000_000), count):
        yield f"{number}{gtin_check_digit(str(number))}"


def _crockford(number: int, length: int) -> str:
    return "".join(CROCKFORD[number >> 5 * place & 31] for place in reversed(range(length)))


_MAKERS: Mapping[IdKind, Callable[[int, Random], Iterator[str]]] = {
    IdKind.SKU: _skus,
    IdKind.INT: _ints,
    IdKind.UUID4: _uuids,
    IdKind.ULID: _ulids,
    IdKind.GTIN13: _gtins,
}
