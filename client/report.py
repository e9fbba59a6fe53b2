"""What a command has to say, before anybody decides how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; numbers stand to the right."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text. Without rows, `empty` is said instead."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    empty: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one a line."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence."""

    text: str


Block = Table | Facts | Line


@dataclass(frozen=True, slots=True)
class Report:
    """The same content twice: `document` for machines, `blocks` for people."""

    document: Mapping[str, object]
    blocks: Sequence[Block]
