"""Times short operations beside their floor, in the same rounds."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from loadtest.spread import Spread

Operation = Callable[[], object]
Clock = Callable[[], float]

ROUNDS = 7
BATCH_S = 0.006
"""How long one batch should last: far above the clock's resolution, short against drift."""


@dataclass(frozen=True, slots=True)
class Race:
    """CPU microseconds of one call of an operation and of its floor, and their ratio."""

    operation_us: Spread
    floor_us: Spread
    ratio: Spread


def race(
    operation: Operation,
    floor: Operation,
    *,
    rounds: int = ROUNDS,
    batch_s: float = BATCH_S,
    clock: Clock = time.thread_time,
) -> Race:
    """Time both in each round; the ratio is of the same round, so that drift hits both alike.

    The clock is this thread's CPU time, since what else the machine does in between is not theirs;
    operations that wait for another process need the wall clock.
    """
    counts = [calls_for(each, batch_s, clock) for each in (operation, floor)]
    timed = [
        (per_call_us(operation, counts[0], clock), per_call_us(floor, counts[1], clock))
        for _ in range(rounds)
    ]
    spreads = (
        Spread.of([mine for mine, _ in timed]),
        Spread.of([least for _, least in timed]),
        Spread.of([mine / least for mine, least in timed]),
    )
    assert all(spreads), "there is at least one round"
    return Race(*(spread for spread in spreads if spread))


def calls_for(operation: Operation, batch_s: float, clock: Clock) -> int:
    """How many calls fill `batch_s`; doubles until they do, which warms up as well."""
    calls = 1
    while (taken := per_call_us(operation, calls, clock) * calls / 1e6) < batch_s / 2:
        calls *= 2
    return max(1, round(calls * batch_s / taken))


def per_call_us(operation: Operation, calls: int, clock: Clock) -> float:
    """Mean CPU microseconds of `calls` calls in a row, without garbage collection in between."""
    with _no_collection():
        begin = clock()
        for _ in range(calls):
            operation()
        return (clock() - begin) / calls * 1e6


@contextmanager
def _no_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
