"""What all figures share: their form, and the marks of a point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.report.chart import Chart
from loadtest.report.lines import Line, Look, Mark
from loadtest.report.numbers import spread
from loadtest.report.points import Findings, Point
from loadtest.report.tables import Table
from loadtest.spread import Spread


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture with the same as a table."""

    id: str
    """What links point at."""
    title: str
    caption: str
    """How to read it, and what is left out."""
    charts: Sequence[Chart]
    table: Table


FigureOf = Callable[[Findings], Figure | None]
"""Makes a figure, or None where the run has no data for it."""


def look(point: Point) -> Look:
    """How a point is marked."""
    if point.row.broken:
        return Look.CROSS
    return Look.HOLLOW if point.row.saturated else Look.FULL


def mark(point: Point, x: float, value: Spread, unit: str, look: Look) -> Mark:
    """A point with its spread."""
    words = f"{point.cell.row}, {point.cell.ids:,} ids: {spread(value)} {unit}"
    return Mark(x, value.median, value.low, value.high, words, look)


def ends(lines: Sequence[Line]) -> list[float]:
    """All values of the y axis that lines reach."""
    return [value for line in lines for each in line.marks for value in (each.low, each.high)]


def line(
    row: str,
    points: Sequence[Point],
    figure: Callable[[Point], Spread | None],
    unit: str,
    looks: Callable[[Point], Look] = look,
) -> Line:
    """`figure` of all points that have it, against the ids that they carry."""
    values = [(point, figure(point)) for point in points]
    marks = [mark(p, p.cell.ids, value, unit, looks(p)) for p, value in values if value]
    return Line(row, marks)


def remark(point: Point) -> str:
    """What keeps a point from being compared."""
    if point.row.broken:
        return "mostly refused"
    if point.row.saturated:
        return "generator saturated"
    spoilt = point.row.saturated_rounds
    return f"{spoilt} of {point.row.rounds} rounds left out" if spoilt else ""
