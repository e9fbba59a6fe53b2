"""Small pieces of SVG, as ElementTree elements. Colours come from classes, so CSS has the say."""

from collections.abc import Mapping, Sequence
from math import cos, pi, sin
from xml.etree.ElementTree import Element, SubElement, tostring

XMLNS = "http://www.w3.org/2000/svg"

Place = tuple[float, float]
"""x to the right and y downwards, in pixels."""


def node(parent: Element, name: str, css: str = "", **attributes: float | str) -> Element:
    """Add an element; an underscore in an attribute's name stands for a hyphen."""
    found = SubElement(parent, name, {"class": css} if css else {})
    for key, value in attributes.items():
        found.set(key.replace("_", "-"), value if isinstance(value, str) else coordinate(value))
    return found


def coordinate(value: float) -> str:
    """A length to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def line(parent: Element, begin: Place, end: Place, css: str) -> Element:
    """Add a straight line."""
    return node(parent, "line", css, x1=begin[0], y1=begin[1], x2=end[0], y2=end[1])


def text(parent: Element, at: Place, words: str, css: str = "") -> Element:
    """Add one line of text, its anchor and size set by its classes."""
    found = node(parent, "text", css, x=at[0], y=at[1])
    found.text = words
    return found


def path(parent: Element, places: Sequence[Place], css: str, *, closed: bool = False) -> Element:
    """Add a line through `places`."""
    corners = "L".join(f"{coordinate(x)},{coordinate(y)}" for x, y in places)
    return node(parent, "path", css, d=f"M{corners}{'Z' if closed else ''}")


def tip(element: Element, words: str) -> None:
    """Say `words` when the pointer rests on `element`."""
    node(element, "title").text = words


def _polygon(corners: int, radius: float, turn: float) -> list[Place]:
    angles = [turn + 2 * pi * corner / corners for corner in range(corners)]
    return [(radius * sin(angle), -radius * cos(angle)) for angle in angles]


_SHAPES: Mapping[int, Sequence[Place]] = {
    1: _polygon(4, 5.4, pi / 4),
    2: _polygon(3, 5.4, 0.0),
    3: _polygon(4, 5.4, 0.0),
    4: _polygon(16, 4.4, 0.0),
    5: _polygon(3, 5.4, pi),
    6: _polygon(6, 4.8, 0.0),
}
"""By place among the colours, so that no reader needs the colour."""


def marker(parent: Element, at: Place, place: int, css: str) -> Element:
    """Add the mark of the row at `place` among the colours."""
    corners = _SHAPES.get(place, _SHAPES[4])
    return path(parent, [(at[0] + x, at[1] + y) for x, y in corners], css, closed=True)


def cross(parent: Element, at: Place, css: str) -> Element:
    """Add a cross, for what failed."""
    (x, y), r = at, 4.5
    d = f"M{coordinate(x - r)},{coordinate(y - r)}l{2 * r},{2 * r}m{-2 * r},0l{2 * r},{-2 * r}"
    return node(parent, "path", css, d=d)


def render(element: Element) -> str:
    """The element as text, fit for HTML and for a file."""
    return tostring(element, encoding="unicode")
