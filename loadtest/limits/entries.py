"""The metadata that probes send: sizes in, entries out, and what became of them on the way."""

import functools
import hashlib
import string
from collections.abc import Iterable, Sequence

PREFIX = "x-waybill-probe-"
ALPHABET = string.ascii_letters + string.digits + "-_"
"""The characters of base64url, as in a JWT: Huffman coding makes them about a quarter shorter."""

_CYCLE = 65536
"""Length of the text that values are cut from, in characters."""

Pair = tuple[str, str]


def entries(sizes: Sequence[int]) -> list[Pair]:
    """One entry for each size in bytes, with its own name and a reproducible value."""
    return [(f"{PREFIX}{i:05}", _value(size, i)) for i, size in enumerate(sizes)]


def spread(total: int, count: int) -> tuple[int, ...]:
    """`total` bytes over `count` values, as even as can be."""
    whole, rest = divmod(total, count)
    return tuple(whole + (i < rest) for i in range(count))


def list_bytes(headers: Iterable[Pair]) -> int:
    """Header list size (RFC 9113, section 6.5.2): name, value and 32 bytes for each entry."""
    return sum(len(name) + len(value) + 32 for name, value in headers)


def digest(headers: Iterable[Pair]) -> str:
    """What arrived of a probe's entries, whatever a hop did to the others.

    Their order does not count: hops written in Go keep headers in a map.
    """
    seen = hashlib.sha256()
    for name, value in sorted(headers):
        if name.startswith(PREFIX):
            seen.update(f"{name}\0{value}\0".encode())
    return seen.hexdigest()


def _value(size: int, index: int) -> str:
    start = index * 31 % _CYCLE
    repeats = (start + size) // _CYCLE + 1
    return (_text() * repeats)[start : start + size]


@functools.cache
def _text() -> str:
    """Filler without a pattern. A linear congruence, so that other languages can make the same."""
    state, characters = 7, []
    for _ in range(_CYCLE):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        characters.append(ALPHABET[state >> 16 & 63])
    return "".join(characters)
