"""What a copy of all grants costs, from those that were measured. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Self

from loadtest.scale.fit import Line, Point, fitted
from loadtest.scale.record import Replica


@dataclass(frozen=True, slots=True)
class ReplicaCosts:
    """Lines of a replica, and what one change costs it."""

    file_bytes: Line
    """By grants."""
    bootstrap_s: Line
    """By grants."""
    lag_ms: Line
    """99th percentile, by changes a second."""
    change_us: float
    """CPU of the follower."""
    changes_per_s: float
    """Most that one follower applied, with the largest copy."""
    change_bytes: int
    """On the feed."""


@dataclass(frozen=True, slots=True)
class ReplicaPoints:
    """What was measured, with a point for each size; of the largest also by rate of changes."""

    file_bytes: tuple[Point, ...]
    bootstrap_s: tuple[Point, ...]
    lag_ms: tuple[Point, ...]
    change_us: Point
    changes_per_s: Point
    change_bytes: int

    @classmethod
    def of(cls, replicas: Sequence[Replica], change_bytes: int) -> Self:
        """Those of all rounds of one run."""
        largest = max(each.grants for each in replicas)
        last = [each for each in replicas if each.grants == largest]
        lags = [lag for each in last for lag in each.lags]
        return cls(
            file_bytes=_by(replicas, _grants, lambda each: each.file_bytes),
            bootstrap_s=_by(replicas, _grants, lambda each: each.bootstrap_s),
            lag_ms=tuple(
                Point(rate, tuple(lag.p99_ms for lag in lags if lag.rate_per_s == rate))
                for rate in sorted({lag.rate_per_s for lag in lags})
            ),
            change_us=Point(
                largest, tuple(each.burst_cpu_s / each.burst_changes * 1e6 for each in last)
            ),
            changes_per_s=Point(largest, tuple(each.changes_per_s for each in last)),
            change_bytes=change_bytes,
        )

    def drawn(self, random: Random) -> "ReplicaPoints":
        """As they might have come out, by drawing from the rounds."""

        def all_of(points: Iterable[Point]) -> tuple[Point, ...]:
            return tuple(point.drawn(random) for point in points)

        return ReplicaPoints(
            all_of(self.file_bytes),
            all_of(self.bootstrap_s),
            all_of(self.lag_ms),
            self.change_us.drawn(random),
            self.changes_per_s.drawn(random),
            self.change_bytes,
        )

    def costs(self) -> ReplicaCosts:
        """Lines through all sizes but the largest, which checks them, where there are three."""
        return ReplicaCosts(
            Line.near(smaller(self.file_bytes)),
            Line.near(smaller(self.bootstrap_s)),
            Line.near(fitted(self.lag_ms)),
            self.change_us.value,
            self.changes_per_s.value,
            self.change_bytes,
        )


def smaller(points: Sequence[Point]) -> Sequence[Point]:
    """All but the largest, where there are three: further out lies what is to be predicted."""
    return points[:-1] if len(points) > 2 else points


def _by(
    replicas: Sequence[Replica],
    place: Callable[[Replica], float],
    figure: Callable[[Replica], float],
) -> tuple[Point, ...]:
    return tuple(
        Point(x, tuple(figure(each) for each in replicas if place(each) == x))
        for x in sorted(set(map(place, replicas)))
    )


def _grants(replica: Replica) -> float:
    return replica.grants
