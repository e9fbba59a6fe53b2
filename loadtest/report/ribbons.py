"""A chart of ribbons: a row for each strategy, and over time the share of its orders served."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.etree.ElementTree import Element

from loadtest.change.timeline import Timeline
from loadtest.colours import place
from loadtest.report import svg
from loadtest.report.chart import (
    BOLD_LETTER,
    LETTER,
    NARROW,
    Axis,
    Box,
    Size,
    bottom_axis,
    canvas,
)
from loadtest.report.scales import Linear, Marked

_ROW, _THICK = 31, 20
_TOP = 36
_TICKS = 7


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of time in which orders were due, and which share of them was served."""

    begin: float
    end: float
    share: float


@dataclass(frozen=True, slots=True)
class Ribbon:
    """One row. Slim pages show only the first of its notes."""

    row: str
    parts: Sequence[Part]
    notes: Sequence[str]
    words: str
    """What the pointer is told."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that is marked in all rows; its label stands to the right of it."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class RibbonChart:
    """Ribbons over one time axis. Between the ends of `zone` the ground is shaded."""

    title: str
    x: Axis
    ribbons: Sequence[Ribbon]
    moments: Sequence[Moment]
    heads: Sequence[str]
    """What the notes are."""
    zone: tuple[float, float] | None = None

    def draw(self, size: Size, name: str) -> Element:
        """The chart; its height follows from the number of rows."""
        height = _TOP + len(self.ribbons) * _ROW + 50
        return _Drawing(self, Size(size.width, height), name).draw()


class _Drawing:
    def __init__(self, chart: RibbonChart, size: Size, name: str) -> None:
        self._chart = chart
        self._root = canvas(size, name, chart.title)
        kept = 1 if size.width < NARROW else len(chart.heads)
        columns = [chart.heads, *(ribbon.notes for ribbon in chart.ribbons)]
        widths = [max(len(texts[i]) for texts in columns) * LETTER + 14 for i in range(kept)]
        self._edges = [size.width - 2 - sum(widths[i + 1 :]) for i in range(kept)]
        left = 15 + BOLD_LETTER * max((len(ribbon.row) for ribbon in chart.ribbons), default=0)
        right = size.width - 2 - sum(widths)
        self._box = Box(left=left, top=_TOP, right=right, bottom=size.height - 46)

    def draw(self) -> Element:
        box = self._box
        if self._chart.zone:
            begin, end = map(self._x, self._chart.zone)
            size = {"width": end - begin, "height": box.bottom - box.top}
            svg.node(self._root, "rect", "zone", x=begin, y=box.top, **size)
        bottom_axis(svg.node(self._root, "g", "axes"), box, self._chart.x)
        for edge, head in zip(self._edges, self._chart.heads, strict=False):
            svg.text(self._root, (edge, box.top - 8), head, "end")
        for index, ribbon in enumerate(self._chart.ribbons):
            self._ribbon(ribbon, box.top + (index + 1) * _ROW - 5)
        self._moments()
        return self._root

    def _x(self, value: float) -> float:
        return self._box.x(min(1.0, max(0.0, self._chart.x.scale.at(value))))

    def _moments(self) -> None:
        """Labels that have no room are left out: the lines stay, and the table has the times."""
        free = self._box.left - LETTER
        end = self._edges[0] - LETTER * len(self._chart.heads[0]) - 4
        for moment in self._chart.moments:
            at = self._x(moment.x)
            svg.line(self._root, (at, self._box.top - 4), (at, self._box.bottom), "limit")
            right = at + LETTER * len(moment.label)
            if free < at and right < end:
                svg.text(self._root, (at - 2, self._box.top - 8), moment.label, "limit-label")
                free = right + 4

    def _ribbon(self, ribbon: Ribbon, foot: float) -> None:
        css = f"s{place(ribbon.row)}"
        svg.text(self._root, (self._box.left - 10, foot - 5), ribbon.row, "end name")
        svg.line(self._root, (self._box.left, foot), (self._box.right, foot), "grid")
        group = svg.node(self._root, "g", css)
        svg.tip(group, f"{ribbon.row}: {ribbon.words}")
        for run in _runs(ribbon.parts):
            top = [at for part in run for at in self._top(part, foot)]
            ends = [(top[-1][0], foot), (top[0][0], foot)]
            svg.path(group, [*top, *ends], f"area {css}", closed=True)
            svg.path(group, top, f"line {css}")
        for edge, note in zip(self._edges, ribbon.notes, strict=False):
            svg.text(self._root, (edge, foot - 5), note, "end")

    def _top(self, part: Part, foot: float) -> tuple[svg.Place, svg.Place]:
        height = foot - part.share * _THICK
        return (self._x(part.begin), height), (self._x(part.end), height)


def _runs(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts that touch one another."""
    breaks = 0
    numbered = []
    for index, part in enumerate(parts):
        breaks += bool(index) and part.begin > parts[index - 1].end + 1e-6
        numbered.append((breaks, part))
    for _, run in groupby(numbered, key=lambda each: each[0]):
        yield [part for _, part in run]


def parts_of(timeline: Timeline, zero_s: float = 0.0) -> list[Part]:
    """The steps of a time line in which something was due, counted from `zero_s`."""
    step = timeline.bucket_s
    found = []
    for index, served in enumerate(timeline.served):
        wanted = served + sum(counts[index] for counts in timeline.refused.values())
        if wanted:
            begin = index * step - zero_s
            found.append(Part(begin, begin + step, served / wanted))
    return found


def time_axis(label: str, ribbons: Sequence[Ribbon]) -> Axis:
    """An axis in seconds from the first to the last part."""
    begins = [ribbon.parts[0].begin for ribbon in ribbons if ribbon.parts]
    ends = [ribbon.parts[-1].end for ribbon in ribbons if ribbon.parts]
    scale = Linear(min(begins, default=0.0), max(ends, default=1.0))
    return Axis(label, Marked(scale, scale.ticks(_TICKS)), "{:g}".format)
