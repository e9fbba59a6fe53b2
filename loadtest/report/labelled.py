"""A chart of named dots: a row for each thing, and on it what was found, each with its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.etree.ElementTree import Element

from loadtest.report import svg
from loadtest.report.chart import BOLD_LETTER, LETTER, NARROW, Axis, Box, Size, bottom_axis, canvas
from loadtest.report.numbers import short

_ROW_HEIGHT = 56
_TOP = 14
_ABOVE, _BELOW = -11, 20
"""From a dot to the foot of its label, in pixels."""
_GAP = 6.0
"""Between two labels."""


@dataclass(frozen=True, slots=True)
class Named:
    """One figure and its name. `apart` ones are drawn hollow: a bound beside what was measured."""

    name: str
    x: float
    apart: bool = False


@dataclass(frozen=True, slots=True)
class NamedRow:
    """What was found of one thing."""

    name: str
    found: Sequence[Named]


@dataclass(frozen=True, slots=True)
class NamedChart:
    """Rows of named dots over one axis. What has the same place shares a dot."""

    title: str
    x: Axis
    rows: Sequence[NamedRow]
    format: Callable[[float], str] = short
    """Of what stands beside each name."""

    def draw(self, size: Size, name: str) -> Element:
        """The chart; its height follows from the number of rows."""
        height = _TOP + len(self.rows) * _ROW_HEIGHT + 50
        return _Drawing(self, Size(size.width, height), name).draw()


class _Drawing:
    def __init__(self, chart: NamedChart, size: Size, name: str) -> None:
        self._chart = chart
        self._root = canvas(size, name, chart.title)
        self._narrow = size.width < NARROW
        left = 14 + BOLD_LETTER * max(len(row.name) for row in chart.rows)
        right = size.width - (20 if self._narrow else 34)
        self._box = Box(left=left, top=_TOP, right=right, bottom=size.height - 46)

    def draw(self) -> Element:
        group = svg.node(self._root, "g", "axes")
        for value in self._chart.x.scale.ticks():
            at = self._x(value)
            svg.line(group, (at, self._box.top), (at, self._box.bottom), "grid")
        bottom_axis(group, self._box, self._chart.x)
        for index, row in enumerate(self._chart.rows):
            self._row(row, self._box.top + (index + 0.5) * _ROW_HEIGHT)
        return self._root

    def _x(self, value: float) -> float:
        return self._box.x(self._chart.x.scale.at(value))

    def _row(self, row: NamedRow, y: float) -> None:
        svg.text(self._root, (self._box.left - 10, y + 4), row.name, "end name")
        ordered = sorted(row.found, key=lambda each: each.x)
        alike = [list(group) for _, group in groupby(ordered, key=lambda each: each.x)]
        for group in alike:
            self._dot(row.name, group, y)
        for first, side in enumerate((_ABOVE, _BELOW)):
            self._labels(alike[first::2], y + side)

    def _dot(self, row: str, alike: Sequence[Named], y: float) -> None:
        look = "hollow" if alike[0].apart else "full"
        drawn = svg.marker(self._root, (self._x(alike[0].x), y), 4, f"mark {look} key")
        svg.tip(drawn, f"{row}, {_names(alike)}: {self._chart.format(alike[0].x)}")

    def _labels(self, groups: Sequence[Sequence[Named]], y: float) -> None:
        """Writes names side by side, each near its dot."""
        words = [self._words(group) for group in groups]
        halves = [LETTER * len(each) / 2 for each in words]
        wanted = [self._x(group[0].x) for group in groups]
        ends = self._box.left - 6, self._box.right + 18
        for word, middle in zip(words, beside(wanted, halves, *ends), strict=True):
            svg.text(self._root, (middle, y), word, "middle halo")

    def _words(self, alike: Sequence[Named]) -> str:
        return (
            _names(alike) if self._narrow else f"{_names(alike)} {self._chart.format(alike[0].x)}"
        )


def beside(
    wanted: Sequence[float], halves: Sequence[float], low: float, high: float
) -> Sequence[float]:
    """Middles near the `wanted` ones, in their order, of things with these half widths.

    Between `low` and `high` if there is room, and never over one another.
    """
    middles: list[float] = []
    edge = low
    for at, half in zip(wanted, halves, strict=True):  # push to the right
        middles.append(max(at, edge + half))
        edge = middles[-1] + half + _GAP
    edge = high
    for place in reversed(range(len(middles))):  # and back from the right end
        middles[place] = min(middles[place], edge - halves[place])
        edge = middles[place] - halves[place] - _GAP
    return middles


def _names(alike: Sequence[Named]) -> str:
    return ", ".join(each.name for each in alike)
