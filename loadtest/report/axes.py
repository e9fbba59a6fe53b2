"""Figures of what else moves the cost: one axis changed at a time, all others as usual."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loadtest.report import tables
from loadtest.report.chart import Axis, Chart
from loadtest.report.figures import Figure, ends, look, remark
from loadtest.report.lines import Line, LineChart, Mark
from loadtest.report.numbers import spread
from loadtest.report.points import Findings, Point, Setting, of_row
from loadtest.report.scales import log_over, measured
from loadtest.report.tables import Entry, Table, table
from loadtest.results import Experiment, Method


@dataclass(frozen=True, slots=True)
class Changed:
    """An axis: how to read it, and how a figure names it."""

    name: str
    """The field of `Setting`."""
    title: str
    label: str
    of: Callable[[Point], int | str]
    experiment: Experiment = Experiment.COST
    """In which it shows: what is signed with, and how often, does so where state is new."""

    def equal(self, setting: Setting, usual: Setting) -> bool:
        """Whether two settings differ in nothing else."""
        return replace(setting, **{self.name: getattr(usual, self.name)}) == usual


AXES = (
    Changed("grants", "Grants of the user", "grants", lambda p: p.cell.grants or p.cell.ids),
    Changed("id_kind", "Kind of product id", "id kind", lambda p: p.cell.id_kind),
    Changed(
        "orders_per_list",
        "Orders per list",
        "orders per list",
        lambda p: p.cell.orders_per_list,
        Experiment.JOURNEY,
    ),
    Changed("users", "Concurrent customers", "customers", lambda p: p.load.users),
    Changed("workers", "Processes of the orders service", "workers", lambda p: p.cell.workers),
    Changed(
        "algorithm",
        "Key algorithm",
        "algorithm",
        lambda p: p.cell.algorithm,
        Experiment.JOURNEY,
    ),
)


_WHOLE = {
    Experiment.COST: "that is only checked, state seen before",
    Experiment.JOURNEY: "in a whole journey, with its share of listing and issuing",
}


def _varied(findings: Findings, axis: Changed) -> list[Point]:
    """The points that differ from the usual setting in nothing but `axis`, at one size."""
    usual = findings.settings.get(axis.experiment)
    if usual is None:
        return []
    points = [
        point
        for point in findings.points
        if point.experiment is axis.experiment
        and point.cell.method is Method.VALIDATE
        and axis.equal(point.setting, usual)
    ]
    moved = [point for point in points if point.setting != usual]
    sizes = sorted({point.cell.ids for point in moved}, key=lambda ids: abs(ids - findings.ids))
    return [point for point in points if point.cell.ids in sizes[:1]]


def figure_of(axis: Changed) -> Callable[[Findings], Figure | None]:
    """The figure of one axis."""

    def figure(findings: Findings) -> Figure | None:
        points = _varied(findings, axis)
        values = {axis.of(point) for point in points}
        if len(values) < 2:
            return None
        ids = points[0].cell.ids
        numeric = sorted(value for value in values if isinstance(value, int))
        charts = [_chart(findings, axis, points)] if len(numeric) > 1 else []
        return Figure(
            f"axis-{axis.name.replace('_', '-')}",
            axis.title,
            f"CPU time of an order {_WHOLE[axis.experiment]}, {ids:,} ids carried, all else as "
            "usual.",
            [chart for chart in charts if chart],
            _table(findings, axis, points),
        )

    return figure


def _chart(findings: Findings, axis: Changed, points: Sequence[Point]) -> Chart | None:
    lines = [_line(row, axis, of_row(row, points)) for row in findings.strategies]
    lines = [line for line in lines if line.marks]
    if not lines:
        return None
    return LineChart(
        f"CPU time per order by {axis.label}, both axes logarithmic",
        Axis(axis.label, measured([mark.x for line in lines for mark in line.marks])),
        Axis("CPU time per order, µs", log_over(ends(lines))),
        lines,
    )


def _line(row: str, axis: Changed, points: Sequence[Point]) -> Line:
    marks = []
    for point in points:
        at, cost = axis.of(point), point.cost_us
        if isinstance(at, int) and cost and not point.row.broken:
            words = f"{row}, {at:,} {axis.label}: {spread(cost)} µs"
            marks.append(Mark(at, cost.median, cost.low, cost.high, words, look(point)))
    return Line(row, sorted(marks, key=lambda mark: mark.x))


def _table(findings: Findings, axis: Changed, points: Sequence[Point]) -> Table:
    rows = [
        (
            tables.name(row),
            _value(axis.of(point)),
            tables.spread(point.cost_us),
            tables.whole(point.row.request.total),
            tables.whole(point.row.p99_us),
            Entry(remark(point)),
        )
        for row in findings.strategies
        for point in sorted(of_row(row, points), key=lambda point: str(axis.of(point)).zfill(12))
    ]
    titles = ("Strategy", axis.label.capitalize(), "CPU, µs", "Sent, bytes", "p99, µs", "Remark")
    return table(axis.title, titles, rows)


def _value(value: int | str) -> Entry:
    return tables.whole(value) if isinstance(value, int) else Entry(value)


FIGURES = tuple(figure_of(axis) for axis in AXES)
