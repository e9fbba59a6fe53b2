"""One colour for each row of the comparison: in the terminal, and in both themes of the report.

The hexadecimal colours were searched for: of the hues that the terminal's names promise, those
that stay furthest apart under the three kinds of colour blindness, each with a contrast of at least
3 : 1 to its background (WCAG 2.2, criterion 1.4.11). A test measures both.
"""

from dataclasses import dataclass, fields

from loadtest.results import FLOOR

COLOURS = {
    FLOOR: "dim",
    "metadata-jwt": "red",
    "message-field": "yellow",
    "replica": "green",
    "direct-call": "cyan",
    "page-proof": "magenta",
    "reference": "blue",
}
"""A strategy keeps its colour everywhere."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as CSS: of the rows, in the order of `COLOURS`, and around."""

    series: tuple[str, ...]
    surface: str
    ink: str
    soft: str
    """Text that steps back."""
    grid: str
    bad: str
    zone: str
    """Ground of a region to keep away from."""

    def variables(self) -> str:
        """All of them as CSS variables."""
        rows = {f"c{number}": colour for number, colour in enumerate(self.series)}
        others = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "series"}
        each = "; ".join(f"--{name}: {colour}" for name, colour in {**rows, **others}.items())
        return f":root {{ {each} }}"


LIGHT = Theme(
    series=("#868686", "#d5180e", "#c98521", "#1a784c", "#029ed5", "#7c276d", "#462cb6"),
    surface="#ffffff",
    ink="#1b1f24",
    soft="#5a636e",
    grid="#e7eaee",
    bad="#b3150c",
    zone="rgb(213 24 14 / 9%)",
)
DARK = Theme(
    series=("#888888", "#e74821", "#f9ca29", "#69bd84", "#63dbf7", "#a33d8e", "#4864f5"),
    surface="#15181c",
    ink="#e8ebef",
    soft="#a5aeb9",
    grid="#282d34",
    bad="#ff8a70",
    zone="rgb(231 72 33 / 15%)",
)


def style() -> str:
    """CSS: both themes, the dark one on screens of readers who prefer it, and a class for each row.

    A row's class, `s` and its place, sets the variable `--series`.
    """
    dark = f"@media screen and (prefers-color-scheme: dark) {{ {DARK.variables()} }}"
    rows = (f".s{place(row)} {{ --series: var(--c{place(row)}) }}" for row in COLOURS)
    return "\n".join((LIGHT.variables(), dark, *rows))


def place(row: str) -> int:
    """The place of `row` in `COLOURS`; a row that is not there counts as the floor."""
    return list(COLOURS).index(row) if row in COLOURS else 0
