"""A chart of small panels, one for each row, with steps from 0 to 1 over one axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from loadtest.colours import place
from loadtest.report import svg
from loadtest.report.chart import LETTER, NARROW, Axis, Box, Size, canvas
from loadtest.report.numbers import percent

_KEYS, _KEY_LINE = 38, 17
_HEAD, _PLOT, _GAP = 38, 72, 14
"""Heights: of what stands above a panel's plot, of the plot, and below it."""
_FOOT = 40
_BETWEEN = 26
_SHARES = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Bound:
    """A value that is marked in a panel."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A line of steps; `kind` is its place among the chart's kinds."""

    kind: int
    places: Sequence[tuple[float, float]]
    words: str
    """What the pointer is told."""
    bound: Bound | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """What belongs to one row, and the figure that stands beside its name."""

    row: str
    note: str
    traces: Sequence[Trace]


@dataclass(frozen=True, slots=True)
class PanelChart:
    """Panels in two columns, or in one where there is no room for two."""

    title: str
    x: Axis
    kinds: Sequence[str]
    """What the lines are: the first is solid, the second dashed."""
    bound: str
    """What the marked values are."""
    panels: Sequence[Panel]

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        """What each look of a line means, with its classes."""
        shown = [(label, f"trace k{kind} key") for kind, label in enumerate(self.kinds)]
        return [*shown, (self.bound, "limit")]

    def draw(self, size: Size, name: str) -> Element:
        """The chart; its height follows from the number of panels."""
        columns = 1 if size.width < NARROW else 2
        rows = -(-len(self.panels) // columns)
        height = _KEYS + rows * (_HEAD + _PLOT + _GAP) + _FOOT
        return _Drawing(self, Size(size.width, height), name, columns).draw()


class _Drawing:
    def __init__(self, chart: PanelChart, size: Size, name: str, columns: int) -> None:
        self._chart = chart
        self._root = canvas(size, name, chart.title)
        self._size = size
        self._columns = columns
        self._left = 40.0
        free = size.width - 10 - columns * self._left - (columns - 1) * (_BETWEEN - self._left / 2)
        self._width = free / columns
        self._step = self._width + self._left + _BETWEEN - self._left / 2

    def draw(self) -> Element:
        self._keys()
        for index, panel in enumerate(self._chart.panels):
            lowest = index + self._columns >= len(self._chart.panels)
            self._panel(panel, self._box(index), lowest=lowest)
        return self._root

    def _box(self, index: int) -> Box:
        row, column = divmod(index, self._columns)
        left = self._left + column * self._step
        top = _KEYS + row * (_HEAD + _PLOT + _GAP) + _HEAD
        return Box(left=left, top=top, right=left + self._width, bottom=top + _PLOT)

    def _keys(self) -> None:
        at, foot = 2.0, 12.0
        for label, css in self._chart.keys:
            if at + 26 + LETTER * len(label) > self._size.width:
                at, foot = 2.0, foot + _KEY_LINE
            svg.line(self._root, (at, foot), (at + 20, foot), css)
            svg.text(self._root, (at + 26, foot + 4), label)
            at += 42 + LETTER * len(label)

    def _panel(self, panel: Panel, box: Box, *, lowest: bool) -> None:
        self._axes(box, labelled=lowest)
        css = f"s{place(panel.row)}"
        mark = (box.left + 5, box.top - 25)
        svg.marker(self._root, mark, place(panel.row), f"mark full {css}")
        svg.text(self._root, (box.left + 15, box.top - 21), panel.row, "name")
        svg.text(self._root, (box.right, box.top - 21), panel.note, "end")
        for bound in dict.fromkeys(trace.bound for trace in panel.traces if trace.bound):
            self._bound(bound, box)
        for trace in panel.traces:
            drawn = self._trace(trace, box, css)
            svg.tip(drawn, f"{panel.row}: {trace.words}")

    def _axes(self, box: Box, *, labelled: bool) -> None:
        group = svg.node(self._root, "g", "axes")
        for share in _SHARES:
            at = box.y(share)
            svg.line(group, (box.left, at), (box.right, at), "grid" if share else "axis")
            svg.text(group, (box.left - 6, at + 4), percent(share), "end")
        for value in self._chart.x.scale.ticks():
            at = box.x(self._chart.x.scale.at(value))
            svg.line(group, (at, box.top), (at, box.bottom), "grid")
            if labelled:
                svg.text(group, (at, box.bottom + 16), self._chart.x.format(value), "middle")
        if labelled:
            middle = (box.left + box.right) / 2
            svg.text(group, (middle, box.bottom + 34), self._chart.x.label, "label middle")

    def _bound(self, bound: Bound, box: Box) -> None:
        at = box.x(self._chart.x.scale.at(bound.x))
        svg.line(self._root, (at, box.top), (at, box.bottom), "limit")
        svg.text(self._root, (at, box.top - 5), bound.label, "limit-label middle")

    def _trace(self, trace: Trace, box: Box, css: str) -> Element:
        scale = self._chart.x.scale
        places = [(box.x(scale.at(x)), box.y(share)) for x, share in trace.places]
        return svg.path(self._root, places, f"line trace k{trace.kind} {css}")
