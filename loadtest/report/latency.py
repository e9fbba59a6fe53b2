"""Figures of section 3 about time: percentiles at one rate, and latency as the rate rises."""

from collections.abc import Sequence

from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.figures import Figure, ends, remark
from loadtest.report.lines import Line, LineChart, Look, Mark
from loadtest.report.points import Findings, Point, of_row
from loadtest.report.scales import Tail, from_zero, log_over
from loadtest.report.tables import Entry, Table, table
from loadtest.results import FLOOR, Experiment

_MEDIAN = 50.0
_PERCENTILES = (_MEDIAN, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99)
_BEYOND = 10
"""Calls that must lie beyond a percentile for it to be shown."""


def latency(findings: Findings) -> Figure | None:
    """Latency percentiles at the fixed rate and the usual size."""
    checks = [point for row in findings.strategies if (point := findings.check(row))]
    loads = {point.load for point in checks}
    floor = [point for point in findings.floors_of(Experiment.COST) if point.load in loads]
    shown = [p for p in (*floor[:1], *checks) if p.row.ok and not p.row.broken]
    lines = [found for point in shown if (found := _percentile_line(point)).marks]
    if not lines:
        return None
    rate = shown[-1].load.rate_per_s
    highest = max(mark.x for each in lines for mark in each.marks)
    return Figure(
        "latency",
        "Latency percentiles at a fixed rate",
        f"{rate:,.0f} calls a second with Poisson arrivals, {findings.ids:,} ids carried. Latency "
        "runs from the intended start of a call to its answer, so waiting behind others counts; "
        "each further nine is as wide as the last, up to where ten calls lie beyond. The band is "
        "where the rounds' median lies with 95 % confidence; hollow marks: the generator could not "
        "keep its schedule.",
        [
            LineChart(
                "Latency by percentile, latency logarithmic",
                Axis(
                    "percentile of accepted calls", Tail(_MEDIAN, max(highest, 90.0)), "{:g}".format
                ),
                Axis("latency, µs", log_over(ends(lines))),
                lines,
            )
        ],
        _latency_table(findings),
    )


def _percentile_line(point: Point) -> Line:
    look = Look.HOLLOW if point.row.saturated else Look.FULL
    marks = []
    for percentile in _supported(point.row.ok):
        value = point.percentile_us(percentile)
        if value:
            words = f"{point.cell.row}, p{percentile:g}: {value.median:,.0f} µs"
            marks.append(Mark(percentile, value.median, value.low, value.high, words, look))
    return Line(point.cell.row, marks)


def _supported(calls: int) -> list[float]:
    return [each for each in _PERCENTILES if calls * (1 - each / 100) >= _BEYOND]


def _latency_table(findings: Findings) -> Table:
    points = [*findings.floors_of(Experiment.COST), *findings.usual(Experiment.COST)]
    percentiles = (50.0, 90.0, 99.0, 99.9)
    rows = [
        (
            tables.name(point.cell.row),
            Entry(point.cell.method.value),
            tables.whole(point.cell.ids or None),
            *(_percentile(point, each) for each in percentiles),
            tables.whole(point.row.service_p50_us),
            tables.whole(point.row.lag_p95_us),
        )
        for point in points
    ]
    titles = ["Strategy", "Method", "Ids", *(f"p{each:g}, µs" for each in percentiles)]
    more = ["Service time p50, µs", "Send lag p95, µs"]
    return table("Accepted calls, from the intended start", [*titles, *more], rows)


def _percentile(point: Point, percentile: float) -> Entry:
    supported = point.row.ok * (1 - percentile / 100) >= 1
    return tables.whole(point.latency.percentile_us(percentile) if supported else None)


def saturation(findings: Findings) -> Figure | None:
    """Latency against the achieved rate, up to where the service no longer keeps up."""
    usual = findings.usual(Experiment.SATURATION)
    points = [*findings.floors_of(Experiment.SATURATION), *usual]
    rows = [row for row in (FLOOR, *findings.strategies) if of_row(row, points)]
    lines = [_rate_line(row, of_row(row, points)) for row in rows]
    lines = [each for each in lines if each.marks]
    if not lines:
        return None
    rates = [mark.x for each in lines for mark in each.marks]
    return Figure(
        "saturation",
        "Latency against achieved rate",
        "The 99th percentile as the asked rate rises, from the intended start, so a queue that "
        "grows shows as latency; achieved are calls answered well. Where a line turns upwards or "
        "back, the service no longer keeps up. Hollow marks: the generator itself fell behind or "
        "dropped arrivals, so the true latency is at least this.",
        [
            LineChart(
                "99th percentile of latency against achieved rate, latency logarithmic",
                Axis("achieved rate, calls a second", from_zero(rates)),
                Axis("p99 latency, µs", log_over(ends(lines))),
                lines,
            )
        ],
        _saturation_table(points),
    )


def _rate_line(row: str, points: Sequence[Point]) -> Line:
    marks = []
    for point in points:
        value = point.percentile_us(99)
        if value:
            rate = point.row.throughput_per_s
            words = f"{row}, {rate:,.0f} calls a second: p99 {value.median:,.0f} µs"
            look = Look.HOLLOW if point.row.saturated else Look.FULL
            marks.append(Mark(rate, value.median, value.low, value.high, words, look))
    return Line(row, marks)


def _saturation_table(points: Sequence[Point]) -> Table:
    rows = [
        (
            tables.name(point.cell.row),
            tables.whole(point.load.rate_per_s),
            tables.whole(point.row.throughput_per_s),
            tables.percent(point.served),
            tables.whole(point.row.dropped),
            tables.whole(point.row.p50_us),
            tables.whole(point.row.p99_us),
            Entry(remark(point)),
        )
        for point in sorted(points, key=lambda each: (each.cell.row, each.load.rate_per_s))
    ]
    titles = ("Strategy", "Asked, /s", "Achieved, /s", "Served", "Dropped")
    return table("Rising rates", (*titles, "p50, µs", "p99, µs", "Remark"), rows)
