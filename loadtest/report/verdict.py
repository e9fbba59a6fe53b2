"""The first table: one row for each strategy, one column for each question."""
# ruff: noqa: RUF001 - the multiplication sign is meant

from collections.abc import Callable
from dataclasses import dataclass

from loadtest.report import tables
from loadtest.report.advice import CHOOSE_WHEN
from loadtest.report.breaking import breaking
from loadtest.report.points import Findings, Point
from loadtest.report.tables import Column, Entry, Table

CHOOSE = "Choose it when"
EMPTY = Entry("")


@dataclass(frozen=True, slots=True)
class Question:
    """A column of the verdict; without an answer for any strategy it is left out."""

    column: Column
    answer: Callable[[Findings, str], Entry]


def _rank(findings: Findings, row: str) -> Entry:
    rank = next((point.row.rank for point in findings.ranked if point.cell.row == row), None)
    return tables.whole(rank) if rank else EMPTY


def _journey(findings: Findings, row: str) -> Entry:
    return _ratio(findings.journey(row))


def _check(findings: Findings, row: str) -> Entry:
    return _ratio(findings.check(row))


def _ratio(point: Point | None) -> Entry:
    if point is None:
        return EMPTY
    if point.row.broken:
        return Entry("refused")
    if point.row.saturated:
        return Entry("saturated")
    return tables.spread(point.row.ratio)


def _carried(findings: Findings, row: str) -> Entry:
    point = findings.check(row)
    return tables.whole(point.row.request.total) if point else EMPTY


def _wire(findings: Findings, row: str) -> Entry:
    point = findings.check(row)
    both = point.wire_both if point else None
    return tables.whole(both.median) if both else EMPTY


def _breaks(findings: Findings, row: str) -> Entry:
    found = breaking(findings, row)
    words = f"{found} ({found.code})" if found.refused_from and found.code else str(found)
    return Entry(words, found.refused_from or float("inf"))


def _choose(_: Findings, row: str) -> Entry:
    return Entry(CHOOSE_WHEN.get(row, ""))


QUESTIONS = (
    Question(Column("Rank", evidence="journey"), _rank),
    Question(Column("Journey, × floor", evidence="journey"), _journey),
    Question(Column("Check, × floor", evidence="cpu"), _check),
    Question(Column("Bytes carried", evidence="metadata"), _carried),
    Question(Column("Bytes on the wire", evidence="bytes"), _wire),
    Question(Column("Breaks at (ids)", figures=False, evidence="metadata"), _breaks),
    Question(Column(CHOOSE, figures=False), _choose),
)
"""Later experiments add theirs: staleness, outage, schema change."""


def verdict(findings: Findings) -> Table:
    """What this run says of each strategy."""
    rows = [
        (tables.name(row), *(question.answer(findings, row) for question in QUESTIONS))
        for row in findings.strategies
    ]
    heads = (Column("Strategy", figures=False), *(question.column for question in QUESTIONS))
    caption = f"An order at {findings.ids:,} ids: CPU time over a bare health check, and bytes"
    return Table(caption, heads, rows).without_empty_columns()
