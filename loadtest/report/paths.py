"""The figure of what stands in between: an order through proxies beside the same one without."""

from collections.abc import Callable, Sequence

from loadtest.path_cost import path_costs
from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.dots import MOST_KINDS, Dot, DotChart, DotRow
from loadtest.report.figures import Figure, remark
from loadtest.report.points import Findings, Point
from loadtest.report.scales import from_zero
from loadtest.report.tables import Entry, Table, table
from loadtest.results import DIRECT, FLOOR, Cell, Experiment, Method
from loadtest.spread import Spread

_Value = Callable[[Point], Spread | None]


def _cpu_us(point: Point) -> Spread | None:
    """CPU time of everybody for a call: the orders service, and the proxies of the path."""
    orders, proxies = point.row.orders_us, point.row.proxies_us
    if orders is None or proxies is None:
        return orders
    return Spread(
        orders.median + proxies.median, orders.low + proxies.low, orders.high + proxies.high
    )


def _median_us(point: Point) -> Spread | None:
    return point.percentile_us(50)


def figure(findings: Findings) -> Figure | None:
    """Latency and CPU time of an order over each path."""
    points = _points(findings)
    paths = sorted({point.cell.via for point in points}, key=lambda via: (via != DIRECT, via))
    if len(paths) < 2:
        return None
    ids = next(point.cell.ids for point in points if point.cell.row != FLOOR)
    drawn = (
        ("Latency of the median order, µs", _median_us),
        ("CPU time of orders and proxies, µs", _cpu_us),
    )
    rows = (FLOOR, *findings.strategies)
    charts = [_chart(label, value, rows, paths, points) for label, value in drawn]
    told = " ".join(map(str, path_costs([point.row for point in findings.points])))
    return Figure(
        "axis-via",
        "What stands in between",
        f"An order that is only checked, state seen before, {ids:,} ids carried, at one rate. "
        f"{told} The floor is a bare health check over the same path.",
        charts if len(paths) <= MOST_KINDS else [],
        _table(rows, paths, points),
    )


def _points(findings: Findings) -> list[Point]:
    """All paths' points at the size where strategies are set side by side, and their floors."""
    usual = findings.usual(Experiment.COST, Method.VALIDATE)
    example = next((point for point in usual if point.cell.ids == findings.ids), None)
    if example is None:
        return []
    wanted = (_but_path(example.cell), example.load)
    return [
        point
        for point in findings.points
        if point.experiment is Experiment.COST
        and (_but_path(_as(example.cell, point.cell)), point.load) == wanted
    ]


def _but_path(cell: Cell) -> Cell:
    """What all compared cells have in common."""
    return cell.model_copy(update={"row": "", "via": DIRECT})


def _as(example: Cell, cell: Cell) -> Cell:
    """A floor as if it were of `example`'s size: it carries nothing, whatever stands beside it."""
    size = ("ids", "method", "grants", "id_kind", "orders_per_list", "warmth")
    ours = {name: getattr(example, name) for name in size}
    return cell.model_copy(update=ours) if cell.row == FLOOR else cell


def _chart(
    label: str, value: _Value, rows: Sequence[str], paths: Sequence[str], points: Sequence[Point]
) -> DotChart:
    found = [DotRow(row, dots) for row in rows if (dots := _dots(row, value, paths, points))]
    values = [dot.value.high for row in found for dot in row.dots]
    return DotChart(label, Axis(label, from_zero(values)), paths, found)


def _dots(row: str, value: _Value, paths: Sequence[str], points: Sequence[Point]) -> list[Dot]:
    found = [
        (via, value(point))
        for via in paths
        for point in points
        if (point.cell.row, point.cell.via) == (row, via) and not point.row.broken
    ]
    return [Dot(via, each) for via, each in found if each]


def _table(rows: Sequence[str], paths: Sequence[str], points: Sequence[Point]) -> Table:
    found = [
        (
            tables.name(row),
            Entry(via),
            tables.whole(point.row.p50_us),
            tables.whole(point.row.p99_us),
            tables.spread(point.row.orders_us),
            tables.spread(point.row.proxies_us),
            tables.whole(point.row.request.total),
            Entry(remark(point)),
        )
        for row in rows
        for via in paths
        for point in points
        if (point.cell.row, point.cell.via) == (row, via)
    ]
    titles = ("Strategy", "Path", "p50, µs", "p99, µs", "Orders, µs of CPU")
    more = ("Proxies, µs of CPU", "Sent, bytes", "Remark")
    return table("What stands in between", (*titles, *more), found)
