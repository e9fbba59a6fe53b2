"""Lists of ids as bytes whose first one names rung and version, and the choice among the rungs."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from waybill.id_lists.bzip2 import Bzip2
from waybill.id_lists.codec import Codec, Limits, check_ascending
from waybill.id_lists.deflate import Deflate
from waybill.id_lists.delta import Delta
from waybill.id_lists.plain_json import PlainJson
from waybill.id_lists.radix import Radix

CODECS: Final[Mapping[str, Codec]] = {
    "json": PlainJson(),
    "delta": Delta(),
    "radix": Radix(),
    "deflate": Deflate(),
    "bzip2": Bzip2(),
}
"""From the plain list up."""

BY_PROMISE: Final = ("json", "radix", "delta", "deflate", "bzip2")
"""The order in which `best` tries them: what is always possible, then what most often wins."""

TAGS: Final[Mapping[str, int]] = {
    "json": 0x11,
    "delta": 0x12,
    "radix": 0x13,
    "deflate": 0x14,
    "bzip2": 0x15,
}
"""The first byte: version of the rung in the upper four bits, its number in the lower."""

DEFAULT_LIMITS: Final = Limits()
DEFAULT_TIME_BOUND_S = 0.25

_RUNGS = {tag: name for name, tag in TAGS.items()}


def encode(ids: Collection[str], rung: str) -> bytes:
    """`ids` on a rung of `CODECS`; their order is lost.

    Raises:
        ValueError: an id is not valid or comes twice.
    """
    return _tagged(_checked(ids), rung)


def best(
    ids: Collection[str],
    *,
    time_bound_s: float = DEFAULT_TIME_BOUND_S,
    clock: Callable[[], float] = time.perf_counter,
) -> bytes:
    """`ids` on the rung that takes fewest bytes, the earlier of equals in `BY_PROMISE`.

    After `time_bound_s` seconds no other rung is begun. All of them take about 10 ms for 1,000 ids
    and 100 ms for 10,000.

    Raises:
        ValueError: an id is not valid or comes twice.
    """
    begin, ordered = clock(), _checked(ids)
    found: list[bytes] = []
    for rung in BY_PROMISE:
        if found and clock() - begin > time_bound_s:
            break
        found.append(_tagged(ordered, rung))
    return min(found, key=len)


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """The ids, sorted.

    Raises:
        ValueError: unknown rung or version, over a limit, or not as the rung writes it.
    """
    if len(data) > limits.max_input_bytes:
        raise ValueError("too many bytes")
    rung = rung_of(data)
    return tuple(sorted(CODECS[rung].decode(data[1:], limits)))


def rung_of(data: bytes) -> str:
    """The rung that `data` names.

    Raises:
        ValueError: it names none that is known.
    """
    rung = _RUNGS.get(data[0]) if data else None
    if rung is None:
        raise ValueError("an unknown rung or version")
    return rung


def _checked(ids: Collection[str]) -> Sequence[str]:
    ordered = sorted(ids)
    check_ascending(ordered)
    return ordered


def _tagged(ids: Sequence[str], rung: str) -> bytes:
    return bytes([TAGS[rung]]) + CODECS[rung].encode(ids)
