"""A chart of lines: a band for the spread, a mark for each measurement, labels at the ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from xml.etree.ElementTree import Element

from loadtest.colours import place
from loadtest.report import svg
from loadtest.report.chart import BOLD_LETTER, LETTER, NARROW, Axis, Box, Size, canvas, grid, spaced

_LABEL_GAP = 15.0


class Look(StrEnum):
    """How a measurement is marked."""

    FULL = "full"
    HOLLOW = "hollow"
    """Not to be believed."""
    CROSS = "cross"
    """Refused."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One measurement, and its interval over the rounds."""

    x: float
    y: float
    low: float
    high: float
    words: str
    """What the pointer is told."""
    look: Look = Look.FULL


@dataclass(frozen=True, slots=True)
class Line:
    """What belongs to one row."""

    row: str
    marks: Sequence[Mark]
    label: str = ""
    joined: bool = True
    """Drawn as a line with a band, else as marks with bars."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A computed line, without marks."""

    label: str
    places: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Limit:
    """A value of the y axis that is marked all the way."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over two axes; what lies outside of the axes is not drawn."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    limits: Sequence[Limit] = ()
    zone: tuple[float, float] | None = None
    """Values of the y axis between which the ground is shaded."""
    curves: Sequence[Curve] = ()

    def draw(self, size: Size, name: str) -> Element:
        """The chart; narrow ones have smaller margins."""
        return _Drawing(self, size, name).draw()


class _Drawing:
    def __init__(self, chart: LineChart, size: Size, name: str) -> None:
        self._chart = chart
        self._root = canvas(size, name, chart.title)
        narrow = size.width < NARROW
        longest = max((len(label) for label, _ in self._ends()), default=0)
        right = size.width - longest * BOLD_LETTER - (18 if narrow else 22)
        left = 18 + LETTER * max(len(chart.y.format(v)) for v in chart.y.scale.ticks() or [0.0])
        self._box = Box(left=left, top=30, right=right, bottom=size.height - 46)

    def draw(self) -> Element:
        if self._chart.zone:
            self._zone(*self._chart.zone)
        grid(self._root, self._box, self._chart.x, self._chart.y)
        for curve in self._chart.curves:
            svg.path(self._root, [self._at(*p) for p in curve.places], "curve")
        for each in self._chart.lines:
            self._spread(each)
        for each in self._chart.lines:
            self._line(each)
        for limit in self._chart.limits:
            self._limit(limit)
        self._labels()
        return self._root

    def _at(self, x: float, y: float) -> svg.Place:
        return self._box.x(self._chart.x.scale.at(x)), self._box.y(self._chart.y.scale.at(y))

    def _zone(self, low: float, high: float) -> None:
        box, scale = self._box, self._chart.y.scale
        top, bottom = box.y(min(1.0, scale.at(high))), box.y(max(0.0, scale.at(low)))
        if bottom > top:
            size = {"width": box.right - box.left, "height": bottom - top}
            svg.node(self._root, "rect", "zone", x=box.left, y=top, **size)

    def _limit(self, limit: Limit) -> None:
        share = self._chart.y.scale.at(limit.y)
        if 0 <= share <= 1:
            at = self._box.y(share)
            svg.line(self._root, (self._box.left, at), (self._box.right, at), "limit")
            svg.text(self._root, (self._box.left + 6, at - 5), limit.label, "limit-label halo")

    def _spread(self, each: Line) -> None:
        css = f"s{place(each.row)}"
        if each.joined and len(each.marks) > 1:
            upper = [self._at(mark.x, mark.high) for mark in each.marks]
            lower = [self._at(mark.x, mark.low) for mark in reversed(each.marks)]
            svg.path(self._root, [*upper, *lower], f"band {css}", closed=True)
            return
        for mark in each.marks:
            svg.line(
                self._root, self._at(mark.x, mark.low), self._at(mark.x, mark.high), f"bar {css}"
            )

    def _line(self, each: Line) -> None:
        css = f"s{place(each.row)}"
        group = svg.node(self._root, "g", css)
        if each.joined:
            for run in _runs(each.marks):
                look = "line doubtful" if run[-1].look is Look.HOLLOW else "line"
                svg.path(group, [self._at(mark.x, mark.y) for mark in run], f"{look} {css}")
        for mark in each.marks:
            at = self._at(mark.x, mark.y)
            if mark.look is Look.CROSS:
                drawn = svg.cross(group, at, f"mark cross {css}")
            else:
                drawn = svg.marker(group, at, place(each.row), f"mark {mark.look} {css}")
            svg.tip(drawn, mark.words)

    def _ends(self) -> list[tuple[str, tuple[float, float] | None]]:
        """Each label and the place that it belongs to."""
        lines = [(each.label or each.row, each.marks[-1]) for each in self._chart.lines]
        ends: list[tuple[str, tuple[float, float] | None]] = [
            (label, (mark.x, mark.y)) for label, mark in lines
        ]
        return ends + [(curve.label, curve.places[-1]) for curve in self._chart.curves]

    def _labels(self) -> None:
        ends = [(label, self._at(*at)) for label, at in self._ends() if at]
        rows = [f"s{place(each.row)}" for each in self._chart.lines]
        styles = rows + ["curve"] * len(self._chart.curves)
        wanted = [y for _, (_, y) in ends]
        heights = spaced(wanted, _LABEL_GAP, self._box.top, self._box.bottom)
        edge = self._box.right + 12
        for (label, (x, y)), height, css in zip(ends, heights, styles, strict=True):
            svg.path(self._root, [(x + 7, y), (edge - 3, height)], f"leader {css}")
            svg.text(self._root, (edge + 2, height + 4), label, "name")


def _runs(marks: Sequence[Mark]) -> list[list[Mark]]:
    """The marks cut where believing ends or begins, each part with its neighbour before it."""
    runs = [list(marks[:1])]
    for before, mark in pairwise(marks):
        if (mark.look is Look.HOLLOW) != (runs[-1][-1].look is Look.HOLLOW) and len(runs[-1]) > 1:
            runs.append([before])
        runs[-1].append(mark)
    return [run for run in runs if len(run) > 1]
