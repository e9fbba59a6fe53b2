"""When calls are meant to start: an open model.

Arrivals do not wait for earlier calls to end, as users of a shop don't. Latency is counted from the
intended start, so that a stall delays every call that was due in it and not just the first one.
"""

from collections.abc import Callable, Iterable, Iterator
from random import Random


def fixed_count(count: int, duration_s: float, random: Random) -> Iterator[float]:
    """Exactly `count` intended starts within `duration_s`, in seconds from the beginning.

    A Poisson process, given its count, is so many uniform points in order. Fixing the count keeps
    its bursts and makes all cells of a comparison equally many calls.
    """
    return iter(sorted(random.uniform(0.0, duration_s) for _ in range(count)))


def endless(rate_per_s: float, random: Random) -> Iterator[float]:
    """Intended starts of a Poisson process without an end, in seconds from the beginning."""
    due = 0.0
    while True:
        due += random.expovariate(rate_per_s)
        yield due


def pace(
    arrivals: Iterable[float],
    send: Callable[[float], None],
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Call `send` with each arrival's intended time, on the scale of `clock`, when it is due.

    `send` must not block. What is overdue is sent at once, without a pause in between.
    """
    begin = clock()
    for offset in arrivals:
        due = begin + offset
        ahead = due - clock()
        if ahead > 0:
            sleep(ahead)
        send(due)
