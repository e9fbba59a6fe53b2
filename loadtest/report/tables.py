"""Tables as values, which the page, Markdown and the terminal each write in their own way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadtest.report import numbers
from loadtest.spread import Spread


class Tone(StrEnum):
    """How good it is what an entry says; its colour repeats the words."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head; figures are set to the right."""

    title: str
    figures: bool = True
    evidence: str = ""
    """The id of the figure that shows where the column comes from."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one column says of one row."""

    text: str
    value: float | None = None
    """What sorting goes by, if not by the text."""
    row: str = ""
    """The strategy whose colour the entry wears."""
    tone: Tone | None = None
    evidence: str = ""
    """The id of the figure behind it, where that is not the column's."""


EMPTY = Entry("")
"""Nothing was measured."""


@dataclass(frozen=True, slots=True)
class Table:
    """All rows have an entry for each column. The first column names the row."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Entry]]

    def without_empty_columns(self) -> "Table":
        """The same without the columns that say nothing in any row."""
        kept = [
            index
            for index in range(len(self.columns))
            if any(row[index].text not in {"", numbers.NOTHING} for row in self.rows)
        ]
        return Table(
            self.caption,
            tuple(self.columns[index] for index in kept),
            tuple(tuple(row[index] for index in kept) for row in self.rows),
        )


def name(row: str) -> Entry:
    """A strategy's or the floor's name."""
    return Entry(row, row=row)


def whole(value: float | None) -> Entry:
    """A count, or anything where decimals say nothing."""
    return Entry(numbers.whole(value), value)


def spread(value: Spread | None) -> Entry:
    """A figure over the rounds."""
    return Entry(numbers.spread(value), value.median if value else None)


def percent(share: float | None) -> Entry:
    """A share, or a dash."""
    return Entry(numbers.NOTHING if share is None else numbers.percent(share), share)


def duration(seconds: float | None) -> Entry:
    """A time, or a dash."""
    return Entry(numbers.duration(seconds), seconds)


def columns(*titles: str) -> tuple[Column, ...]:
    """A first column of names, and columns of figures."""
    first, *rest = titles
    return (Column(first, figures=False), *(Column(title) for title in rest))


def table(caption: str, titles: Iterable[str], rows: Iterable[Sequence[Entry]]) -> Table:
    """A table of figures with a name in front of each row."""
    return Table(caption, columns(*titles), tuple(tuple(row) for row in rows))
