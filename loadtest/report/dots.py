"""A chart of dots: a row for each strategy, and two or more figures side by side on one axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from loadtest.colours import place
from loadtest.report import svg
from loadtest.report.chart import BOLD_LETTER, LETTER, NARROW, Axis, Box, Size, bottom_axis, canvas
from loadtest.report.numbers import short, spread
from loadtest.spread import Spread

_ROW_HEIGHT = 46
_TOP = 34
_LOOKS = ("full", "hollow", "half")
MOST_KINDS = len(_LOOKS)
"""Figures in a row that can be told apart."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One figure."""

    kind: str
    """What it is, such as "warm"; the first kind is drawn full, the second hollow."""
    value: Spread


@dataclass(frozen=True, slots=True)
class DotRow:
    """The figures of one row."""

    row: str
    dots: Sequence[Dot]


@dataclass(frozen=True, slots=True)
class DotChart:
    """Rows of dots over one axis; `floor` is a vertical line."""

    title: str
    x: Axis
    kinds: Sequence[str]
    rows: Sequence[DotRow]
    floor: float | None = None

    def draw(self, size: Size, name: str) -> Element:
        """The chart; its height follows from the number of rows."""
        height = _TOP + len(self.rows) * _ROW_HEIGHT + 50
        return _Drawing(self, Size(size.width, height), name).draw()


class _Drawing:
    def __init__(self, chart: DotChart, size: Size, name: str) -> None:
        self._chart = chart
        self._root = canvas(size, name, chart.title)
        self._narrow = size.width < NARROW
        left = 14 + BOLD_LETTER * max(len(row.row) for row in chart.rows)
        right = size.width - (16 if self._narrow else 30)
        self._box = Box(left=left, top=_TOP, right=right, bottom=size.height - 46)

    def draw(self) -> Element:
        self._legend()
        group = svg.node(self._root, "g", "axes")
        for value in self._chart.x.scale.ticks():
            at = self._x(value)
            svg.line(group, (at, self._box.top), (at, self._box.bottom), "grid")
        bottom_axis(group, self._box, self._chart.x)
        if self._chart.floor:
            self._floor(self._chart.floor)
        for index, row in enumerate(self._chart.rows):
            self._row(row, self._box.top + (index + 0.62) * _ROW_HEIGHT)
        return self._root

    def _x(self, value: float) -> float:
        return self._box.x(self._chart.x.scale.at(value))

    def _legend(self) -> None:
        at = 4.0
        for kind in self._chart.kinds:
            svg.marker(self._root, (at + 5, 12), 4, f"mark {self._look(kind)} key")
            svg.text(self._root, (at + 15, 16), kind)
            at += 36 + LETTER * len(kind)

    def _look(self, kind: str) -> str:
        return _LOOKS[self._chart.kinds.index(kind)]

    def _floor(self, value: float) -> None:
        at = self._x(value)
        svg.line(self._root, (at, self._box.top), (at, self._box.bottom), "line s0")
        svg.text(self._root, (at, self._box.top - 4), "floor", "middle name")

    def _row(self, row: DotRow, y: float) -> None:
        css = f"s{place(row.row)}"
        svg.text(self._root, (self._box.left - 10, y + 4), row.row, "end name")
        places = [self._x(dot.value.median) for dot in row.dots]
        svg.line(self._root, (min(places), y), (max(places), y), f"join {css}")
        for dot in row.dots:
            self._dot(row.row, dot, y, css)
        self._values(row.dots, places, y)

    def _dot(self, row: str, dot: Dot, y: float, css: str) -> None:
        low, high = self._x(dot.value.low), self._x(dot.value.high)
        svg.line(self._root, (low, y), (high, y), f"bar {css}")
        at = (self._x(dot.value.median), y)
        drawn = svg.marker(self._root, at, place(row), f"mark {self._look(dot.kind)} {css}")
        svg.tip(drawn, f"{row}, {dot.kind}: {spread(dot.value)}")

    def _values(self, dots: Sequence[Dot], places: Sequence[float], y: float) -> None:
        """Each value above its dot, moved outwards where they would touch."""
        order = sorted(range(len(dots)), key=lambda index: places[index])
        words = [short(dots[index].value.median) for index in order]
        edge = self._box.left
        for index, word in zip(order, words, strict=True):
            half = LETTER * len(word) / 2
            middle = min(max(places[index], edge + half), self._box.right + 10 - half)
            svg.text(self._root, (middle, y - 11), word, "middle halo")
            edge = middle + half + 6
