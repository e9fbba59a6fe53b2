"""Tells changes between two runs from their noise."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log, log1p
from statistics import median

from loadtest.limits.statistics import wilson
from loadtest.ranking import FEWEST_ROUNDS
from loadtest.report.points import Findings, Point, points_of
from loadtest.results import FLOOR, Cell, Experiment, Run
from loadtest.spread import Spread

_RANGES = 1.5
"""How many usual intervals a change must exceed."""
_TWO = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """What is compared of a cell.

    Changes are measured as the logarithm of their factor, so that twice and half are as far; those
    of shares as their difference.
    """

    name: str
    of: Callable[[Point], Spread | None]
    least: float
    """The smallest relative change, or difference of shares, that is worth telling."""
    share: bool = False
    """More is better."""
    fewest_rounds: int = FEWEST_ROUNDS
    """What varies by chance needs rounds to be told from it."""

    def distance(self, low: float, high: float) -> float:
        """How far two values are apart."""
        if self.share or low == high:
            return abs(high - low)
        return abs(log(high / low)) if low > 0 and high > 0 else inf

    @property
    def worth_telling(self) -> float:
        """`least` as a distance."""
        return self.least if self.share else log1p(self.least)


CHECKED = frozenset({Experiment.JOURNEY, Experiment.COST, Experiment.COLD})
"""Experiments whose costs are given over the floor."""


def _sent(point: Point) -> Spread:
    size = point.row.request.total
    return Spread(size, size, size)


def _served(point: Point) -> Spread:
    return Spread(point.served, *wilson(point.row.ok, point.row.answered))


def _issued(point: Point) -> Spread | None:
    return point.issue_us if point.experiment is Experiment.ISSUE else None


def _checked(point: Point) -> Spread | None:
    compared = point.experiment in CHECKED and not point.row.broken
    return point.row.ratio if compared else None


def _latency(percentile: float) -> Callable[[Point], Spread | None]:
    def figure(point: Point) -> Spread | None:
        broken = point.row.saturated or point.row.broken
        return None if broken else point.percentile_us(percentile)

    return figure


RATIO = Figure("CPU, × floor", _checked, 0.05)  # noqa: RUF001
FIGURES = (
    RATIO,
    Figure("issue CPU, µs", _issued, 0.05),
    Figure("p50, µs", _latency(50), 0.05),
    Figure("p99, µs", _latency(99), 0.05),
    Figure("bytes sent", _sent, 0.01, fewest_rounds=_TWO),
    Figure("bytes on wire", lambda point: point.wire_both, 0.01, fewest_rounds=_TWO),
    Figure("share served", _served, 0.01, share=True, fewest_rounds=_TWO),
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
        usual = self.experiment is Experiment.COST
        words = f"{self.cell.method}, {self.cell.ids:,} ids"
        words = words if usual else f"{self.experiment}: {words}"
        rises = self.experiment is Experiment.SATURATION
        return f"{words}, {self.rate_per_s:,.0f}/s" if rises else words


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
        return (self.share > 0) is not self.figure.share

    @property
    def distance(self) -> float:
        """How far it moved."""
        return self.figure.distance(self.before.median, self.after.median)

    @property
    def apart(self) -> bool:
        """Whether the intervals do not overlap."""
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
    noise: Mapping[Figure, float]
    """The distance that a change must exceed."""
    unmatched: int
    """Cells that only one run has."""
    short: int
    """Cells with too few rounds to judge figures that vary by chance."""
    furthest: Change | None
    """The ratio to the floor that differs most, within the noise or not."""
    furthest_ranked: Change | None
    """The same among those that strategies are ranked by."""


def compare(a: Run, b: Run) -> Comparison:
    """Set two runs side by side, cell by cell."""
    before, after = _keyed(a), _keyed(b)
    both = [key for key in before if key in after]
    short = [key for key in both if _rounds(before[key], after[key]) < FEWEST_ROUNDS]
    pairs = [pair for key in both for pair in _pairs(key, before[key], after[key])]
    floors = [point for run in (a, b) for point in points_of(run) if _is_floor(point)]
    noise = _noise(pairs, floors)
    found = [each for each in pairs if each.apart and each.distance > noise[each.figure]]
    found.sort(key=lambda change: -change.distance)
    ratios = [pair for pair in pairs if pair.figure is RATIO]
    ranked = {Key.of(point) for point in Findings.of(a).ranked}
    return Comparison(
        changes=tuple(found),
        compared=len(pairs),
        noise=noise,
        unmatched=len(before) + len(after) - 2 * len(both),
        short=len(short),
        furthest=_furthest(ratios),
        furthest_ranked=_furthest([pair for pair in ratios if pair.key in ranked]),
    )


def _furthest(pairs: Sequence[Change]) -> Change | None:
    return max(pairs, key=lambda pair: pair.distance, default=None)


def _keyed(run: Run) -> dict[Key, Point]:
    return {Key.of(point): point for point in points_of(run) if point.cell.row != FLOOR}


def _rounds(*points: Point) -> int:
    return min(len(point.shown) for point in points)


def _pairs(key: Key, before: Point, after: Point) -> Iterator[Change]:
    for figure in FIGURES:
        one, other = figure.of(before), figure.of(after)
        if one and other and _rounds(before, after) >= figure.fewest_rounds:
            yield Change(key, figure, one, other)


def _is_floor(point: Point) -> bool:
    return point.cell.row == FLOOR and point.experiment is Experiment.COST


def _noise(pairs: Sequence[Change], floors: Sequence[Point]) -> dict[Figure, float]:
    """For each figure the largest of three: 1.5 usual intervals, the floor's, `least`."""
    return {
        figure: max(
            figure.worth_telling,
            _RANGES * _usual_range(figure, pairs),
            *(_range(figure, figure.of(floor)) for floor in floors),
        )
        for figure in FIGURES
        if any(pair.figure is figure for pair in pairs)
    }


def _usual_range(figure: Figure, pairs: Iterable[Change]) -> float:
    sides = (side for pair in pairs if pair.figure is figure for side in (pair.before, pair.after))
    return median(_range(figure, side) for side in sides)


def _range(figure: Figure, value: Spread | None) -> float:
    """The rounds' interval as a distance; that of a share counts by its overlap alone."""
    return 0.0 if value is None or figure.share else figure.distance(value.low, value.high)
