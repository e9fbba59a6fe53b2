"""Figures of section 3: what an order costs in CPU time, and how long it takes."""
# ruff: noqa: RUF001 - the multiplication sign is meant

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.dots import Dot, DotChart, DotRow
from loadtest.report.figures import Figure, ends, line, remark
from loadtest.report.journeys import defined, ranking_words
from loadtest.report.latency import latency, saturation
from loadtest.report.lines import Line, LineChart, Mark
from loadtest.report.numbers import PLUS_MINUS
from loadtest.report.points import Findings, Point, of_row
from loadtest.report.scales import Scale, from_zero, log_over, measured
from loadtest.report.tables import Entry, Table, table
from loadtest.results import FLOOR, Experiment, Method
from loadtest.spread import Spread

_US = "µs"
_LOG_FROM = 8.0
"""Figures that differ by more than this factor are set on a logarithmic axis."""

_PointFigure = Callable[[Point], Spread | None]


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
        "products beyond its work at rest, for each answered call; the band is where the median "
        "lies with 95 % confidence. The floor is a bare health check on the same process. Sizes at "
        "which most calls were refused, or that could not be measured, have no point.",
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
    return table(f"CPU time per call, {PLUS_MINUS}", (*titles, *more), rows)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two figures of the same size side by side, each from its experiment."""

    kinds: tuple[str, str]
    experiments: tuple[Experiment, Experiment]
    figures: tuple[_PointFigure, _PointFigure]
    unit: str

    def values(self, findings: Findings, row: str, ids: int) -> list[Spread | None]:
        """Both figures of `row`; None for one that was not measured, or mostly refused."""
        parts = zip(self.experiments, self.figures, strict=True)
        return [_of(findings, experiment, figure, row, ids) for experiment, figure in parts]

    def dots(self, findings: Findings) -> list[DotRow]:
        """The rows that have both figures at the usual size."""
        rows = []
        for row in findings.strategies:
            values = self.values(findings, row, findings.ids)
            dots = [
                Dot(kind, value) for kind, value in zip(self.kinds, values, strict=True) if value
            ]
            if len(dots) == len(self.kinds):
                rows.append(DotRow(row, dots))
        return rows

    def table(self, findings: Findings) -> Table:
        """Both figures at every size that has one."""
        points = (findings.usual(each) for each in self.experiments)
        sizes = sorted({point.cell.ids for found in points for point in found})
        rows = []
        for row in findings.strategies:
            for ids in sizes:
                values = self.values(findings, row, ids)
                if any(values):
                    rows.append((tables.name(row), tables.whole(ids), *map(tables.spread, values)))
        titles = ("Strategy", "Ids", *(f"{kind}, {self.unit}" for kind in self.kinds))
        return table(f"CPU time per call, {PLUS_MINUS}", titles, rows)


def _of(
    findings: Findings, experiment: Experiment, figure: _PointFigure, row: str, ids: int
) -> Spread | None:
    methods = (Method.LIST,) if experiment is Experiment.ISSUE else (Method.VALIDATE,)
    points = _accepted(of_row(row, findings.usual(experiment, *methods)))
    return next((figure(point) for point in points if point.cell.ids == ids), None)


def _dot_axis(label: str, rows: Sequence[DotRow], floor: float) -> Axis:
    edges = [edge for row in rows for dot in row.dots for edge in (dot.value.low, dot.value.high)]
    values = [edge for edge in (*edges, floor) if edge > 0]
    wide = values and max(values) / min(values) > _LOG_FROM
    scale: Scale = log_over(values) if wide else from_zero(values)
    return Axis(label, scale)


_ISSUING = _Pair(
    kinds=("checking, an order", "issuing, a list"),
    experiments=(Experiment.COST, Experiment.ISSUE),
    figures=(lambda point: point.cost_us, lambda point: point.issue_us),
    unit="µs",
)
_JOURNEY = _Pair(
    kinds=("check alone, warm", "whole journey"),
    experiments=(Experiment.COST, Experiment.JOURNEY),
    figures=(lambda point: point.cost_us, lambda point: point.cost_us),
    unit="µs",
)
_COLD = _Pair(
    kinds=("warm, seen before", "cold, first seen"),
    experiments=(Experiment.COST, Experiment.COLD),
    figures=(lambda point: point.row.ratio, lambda point: point.row.ratio),
    unit="× floor",
)


def journey(findings: Findings) -> Figure | None:
    """What an order costs with its share of listing and issuing, beside the check alone."""
    dots = _JOURNEY.dots(findings)
    point = next(iter(findings.ranked), None)
    if not dots or point is None:
        return None
    axis = _dot_axis("CPU time per order, µs", dots, 0.0)
    return Figure(
        "journey",
        "A whole journey beside the check alone",
        f"At {findings.ids:,} ids. {defined(point.cell.orders_per_list)} The check alone is what "
        "is left where a listed page is used again and again: every state and answer is in a "
        f"cache. {ranking_words(findings)}",
        [DotChart("CPU time of an order, checked and in a journey", axis, _JOURNEY.kinds, dots)],
        _JOURNEY.table(findings),
    )


def issuing(findings: Findings) -> Figure | None:
    """What issuing costs beside what checking costs."""
    dots = _ISSUING.dots(findings)
    if not dots:
        return None
    floor = findings.floor_us.median if findings.floor_us else 0.0
    axis = _dot_axis("CPU time per call, µs", dots, floor)
    return Figure(
        "issuing",
        "Issuing beside checking",
        f"At {findings.ids:,} ids: CPU time of the orders side for one order, and of products for "
        "one ListProducts answer with the state that it issues, beyond its work at rest. One list "
        "serves many orders, so they are not to be added up.",
        [DotChart("CPU time of issuing and of checking", axis, _ISSUING.kinds, dots, floor)],
        _ISSUING.table(findings),
    )


def cold(findings: Findings) -> Figure | None:
    """The first use of state beside later ones."""
    dots = _COLD.dots(findings)
    if not dots:
        return None
    axis = _dot_axis("CPU time per order, × floor", dots, 1.0)
    return Figure(
        "cold",
        "Cold beside warm",
        f"At {findings.ids:,} ids: one order whose state the service has checked before, and one "
        "whose state it never saw. Each is set against the floor of its own rate, since idle work "
        "weighs more on each of fewer calls.",
        [DotChart("CPU time of an order, cold and warm", axis, _COLD.kinds, dots, 1.0)],
        _COLD.table(findings),
    )


FIGURES = (journey, cpu, latency, saturation, issuing, cold)
