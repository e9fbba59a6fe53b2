"""Lines through measured points: least squares, with coefficients that physics allows. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Point:
    """A figure that was measured in several rounds at one place, `x`."""

    x: float
    rounds: tuple[float, ...]
    weight: float = 1.0
    """How much it says: the calls in it, whose mean it is."""
    ids: int = 0
    """Ids carried, where `x` is something else."""

    @property
    def value(self) -> float:
        """The median of the rounds, which one bad round does not move."""
        return median(self.rounds)

    def drawn(self, random: Random) -> Self:
        """As it might have come out: as many rounds, drawn from those that there were."""
        return replace(self, rounds=tuple(random.choices(self.rounds, k=len(self.rounds))))


def fitted(points: Sequence[Point]) -> Sequence[Point]:
    """Those that lines are drawn through: all but the ones that are held out."""
    held = set(held_out(points))
    return [point for point in points if point not in held]


def held_out(points: Sequence[Point]) -> Sequence[Point]:
    """Those that check the lines: by x, every second one between the first and the last."""
    return sorted(points, key=lambda point: point.x)[1:-1:2]


@dataclass(frozen=True, slots=True)
class Line:
    """`fixed + slope * x`; neither is negative."""

    fixed: float
    slope: float

    @classmethod
    def near(cls, points: Iterable[Point], grows_with: Callable[[float], float] = float) -> "Line":
        """As near to `points` as a line with such coefficients gets, by weighted least squares.

        `grows_with` is what of `x` the figure is in proportion to.
        """
        places = [(grows_with(point.x), point.value, point.weight) for point in points]
        total = sum(weight for _, _, weight in places)
        mean_x = sum(weight * x for x, _, weight in places) / total
        mean_y = sum(weight * y for _, y, weight in places) / total
        across = sum(weight * (x - mean_x) ** 2 for x, _, weight in places)
        along = sum(weight * (x - mean_x) * (y - mean_y) for x, y, weight in places)
        slope = along / across if across else 0.0
        fixed = mean_y - slope * mean_x
        if slope < 0:
            return cls(max(0.0, mean_y), 0.0)
        if fixed < 0:
            squares = sum(weight * x * x for x, _, weight in places)
            return cls(0.0, max(0.0, sum(weight * x * y for x, y, weight in places) / squares))
        return cls(fixed, slope)

    def at(self, x: float) -> float:
        """The value at `x`, which is in what the line grows with."""
        return self.fixed + self.slope * x

    def miss(self, points: Iterable[Point], grows_with: Callable[[float], float] = float) -> float:
        """Sum of the weighted squares of what it misses `points` by."""
        return sum(
            point.weight * (self.at(grows_with(point.x)) - point.value) ** 2 for point in points
        )


STAYS_AWAKE_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05)
"""What is tried for `Bare.awake_s`."""


@dataclass(frozen=True, slots=True)
class Bare:
    """CPU of the orders process for a bare call, by the rate of calls.

    A process that has rested pays more for the next call: it is woken, on a processor that has
    slowed down and forgotten its memory. Calls that follow soon find it awake. So a call costs
    `call_us`, `wake_us` more where it comes first in a while, and its part of what the process
    uses at rest.
    """

    rest: float
    """CPU seconds a second without any call."""
    call_us: float
    wake_us: float
    awake_s: float
    """How soon the next call must come to find it awake."""

    @classmethod
    def near(cls, points: Sequence[Point], rest: float) -> "Bare":
        """As near as can be to `points`, whose x are rates; `rest` was measured by itself."""
        busy = [
            replace(point, rounds=tuple(each - rest * 1e6 / point.x for each in point.rounds))
            for point in points
        ]
        tried = [(seconds, Line.near(busy, _woken(seconds))) for seconds in STAYS_AWAKE_S]
        awake_s, line = min(tried, key=lambda each: each[1].miss(busy, _woken(each[0])))
        return cls(rest, line.fixed, line.slope, awake_s)

    def at(self, rate_per_s: float) -> float:
        """Microseconds a call, with its part of the rest."""
        woken = _woken(self.awake_s)(rate_per_s)
        return self.call_us + self.wake_us * woken + self.rest * 1e6 / rate_per_s


def _woken(awake_s: float) -> Callable[[float], float]:
    """Which part of all calls finds nobody awake, by their rate."""
    return lambda rate_per_s: 1 / (1 + rate_per_s * awake_s)
