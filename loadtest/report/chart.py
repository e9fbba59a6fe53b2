"""What a chart is, and the frame that all charts share: axes, grid, title for screen readers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from xml.etree.ElementTree import Element

from loadtest.report import svg
from loadtest.report.numbers import tick
from loadtest.report.scales import Scale

NARROW = 480
"""Charts of less width in pixels leave out what has no room."""
LETTER = 6.3
"""Width of a letter of the charts' type, about, in pixels."""
BOLD_LETTER = 7.3
"""The same where it is bold."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a drawing, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Axis:
    """A labelled scale; the label ends with the unit."""

    label: str
    scale: Scale
    format: Callable[[float], str] = tick


class Chart(Protocol):
    """Draws itself in any size."""

    @property
    def title(self) -> str:
        """What it shows, for those who do not see it."""
        ...

    def draw(self, size: Size, name: str) -> Element:
        """An `svg` element; `name` is unique on the page and becomes part of ids."""
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """The part of a drawing between its axes."""

    left: float
    top: float
    right: float
    bottom: float

    def x(self, share: float) -> float:
        """From 0 (left) to 1 (right)."""
        return self.left + share * (self.right - self.left)

    def y(self, share: float) -> float:
        """From 0 (bottom) to 1 (top)."""
        return self.bottom - share * (self.bottom - self.top)


def canvas(size: Size, name: str, title: str) -> Element:
    """An empty drawing that names itself to screen readers."""
    attributes = {
        "viewBox": f"0 0 {size.width} {size.height}",
        "width": str(size.width),
        "height": str(size.height),
        "role": "img",
        "aria-labelledby": f"{name}-title",
        "class": "chart",
    }
    drawing = Element("svg", attributes)
    svg.node(drawing, "title", id=f"{name}-title").text = title
    return drawing


def grid(drawing: Element, box: Box, x: Axis, y: Axis) -> None:
    """Both axes: horizontal lines, ticks below, the y label above the top left corner."""
    group = svg.node(drawing, "g", "axes")
    for value in y.scale.ticks():
        at = box.y(y.scale.at(value))
        svg.line(group, (box.left, at), (box.right, at), "grid")
        svg.text(group, (box.left - 8, at + 4), y.format(value), "end")
    bottom_axis(group, box, x)
    svg.text(group, (2, 13), y.label, "label")


def bottom_axis(group: Element, box: Box, x: Axis) -> None:
    """The x axis with its label and its ticks, numbered where the number before leaves room."""
    svg.line(group, (box.left, box.bottom), (box.right, box.bottom), "axis")
    free = float("-inf")
    for value in x.scale.ticks():
        at = box.x(x.scale.at(value))
        svg.line(group, (at, box.bottom), (at, box.bottom + 5), "axis")
        number = x.format(value)
        half = LETTER * len(number) / 2
        if at - half >= free:
            svg.text(group, (at, box.bottom + 19), number, "middle")
            free = at + half
    svg.text(group, ((box.left + box.right) / 2, box.bottom + 38), x.label, "label middle")


def spaced(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near the `wanted` ones, in their order, at least `gap` apart if there is room."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = {index: wanted[index] for index in order}
    edge = low
    for index in order:  # push down
        placed[index] = max(placed[index], edge)
        edge = placed[index] + gap
    edge = high
    for index in reversed(order):  # and back up from the lower end
        placed[index] = min(placed[index], edge)
        edge = placed[index] - gap
    return [placed[index] for index in range(len(wanted))]
