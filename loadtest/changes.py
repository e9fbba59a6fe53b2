"""Tells changes between two runs from their noise."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from loadtest.limits.statistics import wilson
from loadtest.report.points import Point, points_of
from loadtest.results import FLOOR, Cell, Experiment, Run
from loadtest.summary import Spread

_RANGES = 1.5
"""How many usual ranges a change must exceed."""
_FEWEST_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """What is compared of a cell; `least` is the smallest relative change worth telling."""

    name: str
    of: Callable[[Point], Spread | None]
    least: float
    more_is_worse: bool = True


def _sent(point: Point) -> Spread:
    size = point.row.request.total
    return Spread(size, size, size)


def _served(point: Point) -> Spread:
    return Spread(point.served, *wilson(point.row.ok, point.row.answered))


def _issued(point: Point) -> Spread | None:
    return point.issue_us if point.experiment is Experiment.ISSUE else None


def _checked(point: Point) -> Spread | None:
    ranked = point.experiment in {Experiment.COST, Experiment.COLD} and not point.row.broken
    return point.row.ratio if ranked else None


def _latency(percentile: float) -> Callable[[Point], Spread | None]:
    def figure(point: Point) -> Spread | None:
        broken = point.row.saturated or point.row.broken
        return None if broken else point.percentile_us(percentile)

    return figure


FIGURES = (
    Figure("CPU, × floor", _checked, 0.05),  # noqa: RUF001
    Figure("issue CPU, µs", _issued, 0.05),
    Figure("p50, µs", _latency(50), 0.05),
    Figure("p99, µs", _latency(99), 0.05),
    Figure("bytes sent", _sent, 0.01),
    Figure("bytes on wire", lambda point: point.wire_both, 0.01),
    Figure("share served", _served, 0.01, more_is_worse=False),
)


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two points of different runs the same."""

    experiment: Experiment
    cell: Cell
    rate_per_s: float
    users: int

    @classmethod
    def of(cls, point: Point) -> "Key":
        """The key of a point."""
        return cls(point.experiment, point.cell, point.load.rate_per_s, point.load.users)

    def __str__(self) -> str:
        words = f"{self.experiment}, {self.cell.method}, {self.cell.ids:,} ids"
        return f"{words}, {self.rate_per_s:,.0f}/s" if self._rate_matters else words

    @property
    def _rate_matters(self) -> bool:
        return self.experiment is Experiment.SATURATION


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one cell, before and after."""

    key: Key
    figure: Figure
    before: Spread
    after: Spread

    @property
    def share(self) -> float:
        """The relative change; of a figure that was zero, the change itself."""
        moved = self.after.median - self.before.median
        return moved / abs(self.before.median) if self.before.median else moved

    @property
    def worse(self) -> bool:
        """Whether one would rather not have it."""
        return (self.share > 0) is self.figure.more_is_worse

    @property
    def apart(self) -> bool:
        """Whether the ranges do not overlap."""
        return self.after.low > self.before.high or self.after.high < self.before.low

    @property
    def words(self) -> str:
        """The change as text."""
        return f"{self.share:+.1%}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that two runs say of each other."""

    changes: tuple[Change, ...]
    """Beyond the noise, the largest first."""
    compared: int
    noise: Mapping[str, float]
    """By figure: the smallest relative change that counts."""
    unmatched: int
    """Cells that only one run has."""
    single: int
    """Cells with too few rounds to judge by."""


def compare(a: Run, b: Run) -> Comparison:
    """Set two runs side by side, cell by cell."""
    before, after = _keyed(a), _keyed(b)
    both = [key for key in before if key in after]
    ready = [key for key in both if _rounds(before[key], after[key]) >= _FEWEST_ROUNDS]
    pairs = [pair for key in ready for pair in _pairs(key, before[key], after[key])]
    noise = _noise(pairs)
    found = [each for each in pairs if each.apart and abs(each.share) > noise[each.figure.name]]
    found.sort(key=lambda change: -abs(change.share))
    return Comparison(
        changes=tuple(found),
        compared=len(pairs),
        noise=noise,
        unmatched=len(before) + len(after) - 2 * len(both),
        single=len(both) - len(ready),
    )


def _keyed(run: Run) -> dict[Key, Point]:
    return {Key.of(point): point for point in points_of(run) if point.cell.row != FLOOR}


def _rounds(*points: Point) -> int:
    return min(len(point.shown) for point in points)


def _pairs(key: Key, before: Point, after: Point) -> Iterator[Change]:
    for figure in FIGURES:
        one, other = figure.of(before), figure.of(after)
        if one and other:
            yield Change(key, figure, one, other)


def _noise(pairs: Iterable[Change]) -> dict[str, float]:
    """For each figure: 1.5 usual ranges, relative, and no less than is worth telling."""
    ranges: defaultdict[Figure, list[float]] = defaultdict(list)
    for pair in pairs:
        for side in (pair.before, pair.after):
            if side.median:
                ranges[pair.figure].append((side.high - side.low) / abs(side.median))
    return {
        figure.name: max(figure.least, _RANGES * median(ranges.get(figure, [0.0])))
        for figure in {pair.figure: None for pair in pairs}
    }
