"""A chart of who depends on whom: a vertical line for each party, an arrow for each dependency."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from xml.etree.ElementTree import Element

from loadtest.colours import place
from loadtest.report import svg
from loadtest.report.chart import BOLD_LETTER, LETTER, NARROW, Size, canvas

_TOP, _LINE, _GAP = 34.0, 14.0, 14.0
_HEAD = 6.0
"""Length of an arrow's head."""
_BESIDE = 12.0
"""Between a label and the outermost lines."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A dependency; one that no call shows is dashed. `row` gives it a strategy's colour."""

    begin: str
    end: str
    label: str
    dashed: bool = False
    row: str = ""


@dataclass(frozen=True, slots=True)
class ArrowChart:
    """Arrows below one another, between parties side by side."""

    title: str
    parties: Sequence[str]
    arrows: Sequence[Arrow]

    def draw(self, size: Size, name: str) -> Element:
        """The chart; its height follows from the arrows and their labels."""
        labels = [self._wrapped(arrow, size) for arrow in self.arrows]
        height = _TOP + sum(len(lines) * _LINE + _GAP for lines in labels) + 16
        return _Drawing(self, Size(size.width, round(height)), name, labels).draw()

    def _wrapped(self, arrow: Arrow, size: Size) -> list[str]:
        """The label in lines that fit above its arrow, and a little beyond on slim pages."""
        gaps = abs(self.parties.index(arrow.begin) - self.parties.index(arrow.end))
        width = gaps * (size.width - 2 * _margin(size)) / max(1, len(self.parties) - 1) - _BESIDE
        return wrap(arrow.label, max(12, int(width / LETTER)), break_long_words=False)


def _margin(size: Size) -> float:
    """From the edge to the outermost lines."""
    return 34.0 if size.width < NARROW else 60.0


class _Drawing:
    def __init__(self, chart: ArrowChart, size: Size, name: str, labels: list[list[str]]) -> None:
        self._chart = chart
        self._root = canvas(size, name, chart.title)
        self._labels = labels
        self._bottom = size.height - 8
        margin, count = _margin(size), max(1, len(chart.parties) - 1)
        step = (size.width - 2 * margin) / count
        self._at = {party: margin + i * step for i, party in enumerate(chart.parties)}

    def draw(self) -> Element:
        for party, x in self._at.items():
            self._party(party, x)
        y = _TOP
        for arrow, lines in zip(self._chart.arrows, self._labels, strict=True):
            y += len(lines) * _LINE + _GAP
            self._arrow(arrow, lines, y)
        return self._root

    def _party(self, name: str, x: float) -> None:
        width = BOLD_LETTER * len(name) + 18
        svg.line(self._root, (x, 32), (x, self._bottom), "axis life")
        box = {"x": x - width / 2, "y": 6, "width": width, "height": 26, "rx": 5}
        svg.node(self._root, "rect", "party", **box)
        svg.text(self._root, (x, 23), name, "name middle")

    def _arrow(self, arrow: Arrow, lines: Sequence[str], y: float) -> None:
        begin, end = self._at[arrow.begin], self._at[arrow.end]
        sign = 1 if end > begin else -1
        css = f"edge s{place(arrow.row)}" if arrow.row else "edge"
        group = svg.node(self._root, "g")
        svg.tip(group, f"{arrow.begin} to {arrow.end}: {arrow.label}")
        look = f"{css} dashed" if arrow.dashed else css
        svg.line(group, (begin, y), (end - sign * _HEAD, y), look)
        wings = [(end - sign * _HEAD, y + wing) for wing in (-4, 4)]
        svg.path(group, [(end - sign, y), *wings], f"{css} head", closed=True)
        for number, words in enumerate(reversed(lines)):
            at = ((begin + end) / 2, y - 6 - number * _LINE)
            svg.text(group, at, words, "middle halo")
