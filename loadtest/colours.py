"""One colour for each row of the comparison: in the terminal, and in both themes of the report.

The hexadecimal colours were searched for: of the hues that the terminal's names promise, those
that stay furthest apart under the three kinds of colour blindness, each with a contrast of at least
3 : 1 to its background (WCAG 2.2, criterion 1.4.11). A test measures both.
"""

from dataclasses import dataclass

from loadtest.results import FLOOR

COLOURS = {
    FLOOR: "dim",
    "metadata-jwt": "red",
    "message-field": "yellow",
    "replica": "green",
    "direct-call": "cyan",
}
"""A strategy keeps its colour everywhere."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A background and the colours on it, in the order of `COLOURS`; two are not used yet."""

    surface: str
    series: tuple[str, ...]


LIGHT = Theme(
    surface="#ffffff",
    series=("#868686", "#d5180e", "#c98521", "#1a784c", "#029ed5", "#7c276d", "#462cb6"),
)
DARK = Theme(
    surface="#15181c",
    series=("#888888", "#e74821", "#f9ca29", "#69bd84", "#63dbf7", "#a33d8e", "#4864f5"),
)


def place(row: str) -> int:
    """The place of `row` in `COLOURS`; a row that is not there counts as the floor."""
    return list(COLOURS).index(row) if row in COLOURS else 0
