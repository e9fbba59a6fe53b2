"""The first table: one row for each strategy, one column for each question."""
# ruff: noqa: RUF001 - the multiplication sign is meant

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from loadtest.report import answers, tables
from loadtest.report.advice import CHOOSE_WHEN
from loadtest.report.breaking import breaking
from loadtest.report.points import Findings, Point
from loadtest.report.tables import EMPTY, Column, Entry, Table


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


COST = (
    Question(Column("Rank", evidence="journey"), _rank),
    Question(Column("Journey, × floor", evidence="journey"), _journey),
    Question(Column("Check, × floor", evidence="cpu"), _check),
    Question(Column("Bytes carried", evidence="metadata"), _carried),
    Question(Column("Bytes on the wire", evidence="bytes"), _wire),
    Question(Column("Breaks at (ids)", figures=False, evidence="metadata"), _breaks),
)
CHANGE = (
    Question(Column("Stale for, p99 (bound)", figures=False, evidence="revocation"), answers.stale),
    Question(
        Column("Products down", figures=False, evidence="outage-products"), answers.products_down
    ),
    Question(
        Column("Follower or store down", figures=False, evidence="outage-follower"),
        answers.parts_down,
    ),
    Question(Column("Keys change", figures=False, evidence="rotation"), answers.keys),
    Question(Column("Schema change", figures=False, evidence="skew-matrix"), answers.schema),
)
CHOICE = (Question(Column("Choose it when", figures=False), _choose),)
QUESTIONS = (*COST, *CHANGE, *CHOICE)
"""In the order of the columns."""


def verdict(findings: Findings, questions: Sequence[Question] = QUESTIONS) -> Table:
    """What this run says of each strategy."""
    rows = [
        (tables.name(row), *(question.answer(findings, row) for question in questions))
        for row in findings.strategies
    ]
    heads = (Column("Strategy", figures=False), *(question.column for question in questions))
    caption = ". ".join(_captions(findings, questions)) or "When to choose which"
    return Table(caption, heads, rows).without_empty_columns()


def _captions(findings: Findings, questions: Sequence[Question]) -> Iterator[str]:
    """How to read the columns that have something to say."""
    change = findings.run.under_change
    if findings.points and questions[0] in COST:
        yield f"An order at {findings.ids:,} ids: CPU time over a bare health check, and bytes"
    if change.staleness and CHANGE[0] in questions:
        yield (
            "Stale: from a revocation to the first order that shows it, a little longer than the "
            "age that the bound limits; watermarks: where orders follows revocations"
        )
    if change.outage and CHANGE[0] in questions:
        yield ("Down: share of orders served, of customers who had listed, in the worst case")
    if change.skew and CHANGE[0] in questions:
        yield (
            "Schema: a field or a version that readers do not know yet, and version 1, which "
            "cannot say all of a grant"
        )
