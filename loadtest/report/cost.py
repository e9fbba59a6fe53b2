"""Figures of section 3: what an order costs in CPU time, and how long it takes."""
# ruff: noqa: RUF001 - the multiplication sign is meant

from collections.abc import Callable, Sequence
from functools import partial

from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.dots import Dot, DotChart, DotRow
from loadtest.report.figures import Figure, ends, line, remark
from loadtest.report.latency import latency, saturation
from loadtest.report.lines import Line, LineChart, Mark
from loadtest.report.points import Findings, Point, of_row
from loadtest.report.scales import Scale, from_zero, log_over, measured
from loadtest.report.tables import Entry, Table, table
from loadtest.results import FLOOR, Experiment, Method
from loadtest.summary import Spread

_US = "µs"
_LOG_FROM = 8.0
"""Figures that differ by more than this factor are set on a logarithmic axis."""


def cpu(findings: Findings) -> Figure | None:
    """CPU time of a checked order against the ids that it carries."""
    lines = [
        line(row, _accepted(findings.checks(row)), lambda p: p.cost_us, "µs")
        for row in findings.strategies
    ]
    lines = [each for each in lines if each.marks]
    if not lines:
        return None
    sizes = [each.x for found in lines for each in found.marks]
    drawn = [*_floor_line(findings, sizes), *lines]
    return Figure(
        "cpu",
        "CPU time per order against ids carried",
        "Orders that are only checked, state seen before. CPU time of the orders service, and of "
        "products beyond its work at rest, for each answered call; the band is the range of the "
        "rounds. The floor is a bare health check on the same process. Sizes at which most calls "
        "were refused, or that could not be measured, have no point.",
        [
            LineChart(
                "CPU time per order against ids carried, both axes logarithmic",
                Axis("ids carried", measured(sizes)),
                Axis("CPU time per order, µs", log_over(ends(drawn))),
                drawn,
            )
        ],
        _cpu_table(findings),
    )


def _accepted(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if not point.row.broken]


def _floor_line(findings: Findings, sizes: Sequence[float]) -> list[Line]:
    floor = findings.floor_us
    if floor is None:
        return []
    words = f"floor: {floor.median:,.0f} µs"
    edges = sorted({min(sizes), max(sizes)})
    marks = [Mark(x, floor.median, floor.low, floor.high, words) for x in edges]
    return [Line(FLOOR, marks)]


def _cpu_table(findings: Findings) -> Table:
    points = findings.usual(Experiment.COST, Method.VALIDATE, Method.PLACE)
    rows = [
        (
            tables.name(point.cell.row),
            Entry(point.cell.method.value),
            tables.whole(point.cell.ids),
            tables.spread(point.cost_us),
            tables.spread(point.row.ratio),
            tables.spread(point.row.orders_us),
            tables.spread(point.row.products_us),
            Entry(remark(point)),
        )
        for point in points
    ]
    titles = ("Strategy", "Method", "Ids", "CPU, µs", "CPU, × floor")
    more = ("Orders, µs", "Products with its rest, µs", "Remark")
    return table("CPU time per call, ± half the range of the rounds", (*titles, *more), rows)


def _pairs(
    findings: Findings,
    kinds: Sequence[str],
    figures: Sequence[Callable[[str, int], Spread | None]],
) -> tuple[list[DotRow], Table, list[float]]:
    """Rows of dots at the usual size, and a table of all sizes. `figures` take row and ids."""
    sizes = sorted(
        {point.cell.ids for row in findings.strategies for point in findings.checks(row)}
    )
    dots, rows = [], []
    for row in findings.strategies:
        at_size = [figure(row, findings.ids) for figure in figures]
        found = [Dot(kind, value) for kind, value in zip(kinds, at_size, strict=True) if value]
        if len(found) == len(kinds):
            dots.append(DotRow(row, found))
        for ids in sizes:
            values = [figure(row, ids) for figure in figures]
            if any(values):
                rows.append((tables.name(row), tables.whole(ids), *map(tables.spread, values)))
    titles = ("Strategy", "Ids", *(f"{kind}, µs" for kind in kinds))
    edges = [edge for row in dots for dot in row.dots for edge in (dot.value.low, dot.value.high)]
    return dots, table("CPU time per call, ± half the range of the rounds", titles, rows), edges


def _of(
    findings: Findings,
    experiment: Experiment,
    figure: Callable[[Point], Spread | None],
    row: str,
    ids: int,
) -> Spread | None:
    """`figure` of the experiment's accepted point."""
    methods = (Method.LIST,) if experiment is Experiment.ISSUE else (Method.VALIDATE,)
    points = _accepted(of_row(row, findings.usual(experiment, *methods)))
    return next((figure(point) for point in points if point.cell.ids == ids), None)


def _dot_axis(label: str, edges: Sequence[float], floor: float) -> Axis:
    values = [edge for edge in (*edges, floor) if edge > 0]
    wide = values and max(values) / min(values) > _LOG_FROM
    scale: Scale = log_over(values) if wide else from_zero(values)
    return Axis(label, scale)


def issuing(findings: Findings) -> Figure | None:
    """What issuing costs beside what checking costs."""
    kinds = ("checking, an order", "issuing, a list")
    check = partial(_of, findings, Experiment.COST, lambda point: point.cost_us)
    issue = partial(_of, findings, Experiment.ISSUE, lambda point: point.issue_us)
    dots, shown, edges = _pairs(findings, kinds, (check, issue))
    if not dots:
        return None
    return Figure(
        "issuing",
        "Issuing beside checking",
        f"At {findings.ids:,} ids: CPU time of the orders side for one order, and of products for "
        "one ListProducts answer with the state that it issues. One list serves many orders, so "
        "they are not to be added up.",
        [_dot_chart("CPU time of issuing and of checking", findings, kinds, dots, edges)],
        shown,
    )


def cold(findings: Findings) -> Figure | None:
    """The first use of state beside later ones."""
    kinds = ("warm, seen before", "cold, first seen")
    warm = partial(_of, findings, Experiment.COST, lambda point: point.cost_us)
    first = partial(_of, findings, Experiment.COLD, lambda point: point.cost_us)
    dots, shown, edges = _pairs(findings, kinds, (warm, first))
    if not dots:
        return None
    return Figure(
        "cold",
        "Cold beside warm",
        f"At {findings.ids:,} ids: CPU time of one order whose state the service has checked "
        "before, and of one whose state it never saw.",
        [_dot_chart("CPU time of an order, cold and warm", findings, kinds, dots, edges)],
        shown,
    )


def _dot_chart(
    title: str,
    findings: Findings,
    kinds: Sequence[str],
    dots: Sequence[DotRow],
    edges: Sequence[float],
) -> DotChart:
    floor = findings.floor_us.median if findings.floor_us else 0.0
    return DotChart(title, _dot_axis("CPU time per call, µs", edges, floor), kinds, dots, floor)


FIGURES = (cpu, latency, saturation, issuing, cold)
