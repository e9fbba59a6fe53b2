"""Figures of section 4: how large calls become, and where they stop getting through."""

from collections.abc import Sequence
from itertools import groupby

from loadtest.limits.statistics import wilson
from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.figures import Figure, ends, line
from loadtest.report.grpc_limits import (
    HARD_LIMIT,
    OWN_ENTRIES_BYTES,
    SOFT_LIMIT,
    predicted_refusals,
)
from loadtest.report.lines import Curve, Limit, Line, LineChart, Look, Mark
from loadtest.report.numbers import percent
from loadtest.report.points import Findings, Point, of_row
from loadtest.report.scales import Linear, from_zero, log_over, measured
from loadtest.report.tables import Entry, Table, table
from loadtest.results import Experiment, Method
from loadtest.spread import Spread

_GROWS = 1.5
"""Metadata that grows by less than this factor is not what breaks."""


def metadata_size(point: Point) -> int:
    """All metadata of a request as gRPC's limits count it, its own entries included."""
    return point.row.request.metadata + OWN_ENTRIES_BYTES


def _metadata(point: Point) -> Spread:
    return _exactly(metadata_size(point))


def _exactly(value: float) -> Spread:
    return Spread(value, value, value)


def _sizes(findings: Findings) -> list[Point]:
    """One point for each strategy and size: of the cost experiment, or else of the cliff."""
    cost = findings.usual(Experiment.COST, Method.VALIDATE)
    return cost or findings.usual(Experiment.CLIFF)


def _look(point: Point) -> Look:
    """Sizes are believed also where the generator fell behind."""
    return Look.CROSS if point.row.broken else Look.FULL


def metadata_lines(findings: Findings) -> list[Line]:
    """Bytes of metadata against ids."""
    points = _sizes(findings)
    return [
        line(row, of_row(row, points), _metadata, "bytes of metadata", _look)
        for row in findings.strategies
        if of_row(row, points)
    ]


def metadata_chart(findings: Findings) -> LineChart | None:
    """Metadata against ids, with gRPC's limits."""
    lines = metadata_lines(findings)
    if not lines:
        return None
    values = [*ends(lines), SOFT_LIMIT / 2, HARD_LIMIT * 1.5]
    return LineChart(
        "Bytes of metadata per order against ids carried, with gRPC's limits, axes logarithmic",
        Axis("ids carried", measured([mark.x for each in lines for mark in each.marks])),
        Axis("metadata per order, bytes", log_over(values)),
        lines,
        limits=(
            Limit(HARD_LIMIT, f"{HARD_LIMIT:,}: all refused"),
            Limit(SOFT_LIMIT, f"{SOFT_LIMIT:,}: some refused"),
        ),
        zone=(SOFT_LIMIT, HARD_LIMIT),
    )


def metadata(findings: Findings) -> Figure | None:
    """What hops put limits on."""
    chart = metadata_chart(findings)
    if chart is None:
        return None
    return Figure(
        "metadata",
        "Metadata per order, and gRPC's limits",
        "Headers are what hops cap. Counted as the limits count them: name, value and 32 bytes for "
        f"each entry before compression, about {OWN_ENTRIES_BYTES} of them gRPC's own. In the "
        "shaded zone gRPC refuses at random, above it always. A cross marks sizes at which most "
        f"calls were refused. Path: {findings.run.head.via}.",
        [chart],
        _size_table(findings),
    )


def _counted(points: Sequence[Point]) -> bool:
    return bool(points) and all(point.wire_both for point in points)


def _before_compression(point: Point) -> Spread:
    return _exactly(point.row.request.total)


def bytes_chart(findings: Findings) -> LineChart | None:
    """All bytes of an order against ids: as counted, or else as sent."""
    points = _sizes(findings)
    wire = _counted(points)
    figure = (lambda p: p.wire_both) if wire else _before_compression
    lines = [
        line(row, of_row(row, points), figure, "bytes", _look)
        for row in findings.strategies
        if of_row(row, points)
    ]
    if not lines:
        return None
    label = "on the wire per order, both ways" if wire else "sent per order, before compression"
    return LineChart(
        f"Bytes {label}, against ids carried, axes logarithmic",
        Axis("ids carried", measured([mark.x for each in lines for mark in each.marks])),
        Axis(f"{label}, bytes", log_over(ends(lines))),
        lines,
    )


def all_bytes(findings: Findings) -> Figure | None:
    """What networks are billed for."""
    chart = bytes_chart(findings)
    if chart is None:
        return None
    if _counted(_sizes(findings)):
        title = "Bytes on the wire per order"
        how = (
            "Request and answer with HTTP/2 framing and header compression as they really were, "
            "without TCP and IP headers. A customer's calls share a connection, so a header that "
            "repeats is compressed."
        )
    else:
        title = "Bytes sent per order"
        how = (
            "Metadata as HTTP/2 counts it plus the message, before header compression: this run "
            "did not count bytes on the wire."
        )
    how += " A cross marks sizes at which most calls were refused."
    return Figure("bytes", title, how, [chart], _size_table(findings))


def _size_table(findings: Findings) -> Table:
    rows = [
        (
            tables.name(point.cell.row),
            tables.whole(point.cell.ids),
            tables.whole(metadata_size(point)),
            tables.whole(point.row.request.message),
            tables.spread(point.row.wire_up),
            tables.spread(point.row.wire_down),
            tables.percent(point.served),
        )
        for point in _sizes(findings)
    ]
    titles = ("Strategy", "Ids", "Metadata, bytes", "Message, bytes")
    more = ("Wire up, bytes", "Wire down, bytes", "Served")
    return table("Bytes per order", (*titles, *more), rows).without_empty_columns()


def cliff(findings: Findings) -> Figure | None:
    """Share of calls that get through, against the size of their metadata."""
    points = findings.usual(Experiment.CLIFF)
    growing = {row for row in findings.strategies if _grows(of_row(row, points))}
    if not growing:
        return None
    lines = [
        Line(row, [_share(point) for point in of_row(row, points)], joined=False)
        for row in findings.strategies
        if row in growing
    ]
    longest = max(HARD_LIMIT * 1.15, *(mark.x for each in lines for mark in each.marks))
    return Figure(
        "cliff",
        "The cliff: share of orders served against size",
        _cliff_caption(findings, points, growing),
        [
            LineChart(
                "Share of orders served against bytes of metadata, measured and predicted",
                Axis("metadata per order, bytes", from_zero([longest])),
                Axis("share of orders served", Linear(0.0, 1.0), percent),
                lines,
                curves=[Curve("predicted", _prediction(longest))],
            )
        ],
        _cliff_table(points),
    )


def _grows(points: Sequence[Point]) -> bool:
    sizes = [metadata_size(point) for point in points]
    return bool(sizes) and max(sizes) > _GROWS * min(sizes)


def _share(point: Point) -> Mark:
    low, high = wilson(point.row.ok, point.row.answered)
    size = metadata_size(point)
    words = f"{point.cell.row}, {size:,} bytes, {point.cell.ids:,} ids: {percent(point.served)}"
    return Mark(size, point.served, low, high, words)


def _prediction(longest: float) -> list[tuple[float, float]]:
    corners = [0.0, SOFT_LIMIT, HARD_LIMIT, longest]
    return [(size, 1 - predicted_refusals(size)) for size in corners]


def _cliff_caption(findings: Findings, points: Sequence[Point], growing: set[str]) -> str:
    others = [row for row in findings.strategies if row not in growing and of_row(row, points)]
    words = (
        "Measured shares with 95 % intervals (Wilson) over the rule that gRPC documents: a call is "
        f"refused with P = (size - {SOFT_LIMIT:,}) / ({HARD_LIMIT:,} - {SOFT_LIMIT:,}). "
    )
    held = [p.refusals for p in points if p.cell.row in growing and p.refusals.count]
    if held:
        typical = sorted(each.percentile_us(50) or 0 for each in held)[len(held) // 2]
        words += f"A refusal takes {typical / 1000:,.0f} ms (median): gRPC holds it back. "
    if others:
        words += f"Metadata does not grow with the list under {', '.join(others)}."
    return words


def _cliff_table(points: Sequence[Point]) -> Table:
    rows = []
    for _, group in groupby(sorted(points, key=lambda p: p.cell.row), lambda p: p.cell.row):
        rows += [_cliff_row(point) for point in group]
    titles = ("Strategy", "Ids", "Metadata, bytes", "Answered", "Served", "95 % interval")
    more = ("Predicted", "Refusals held back p50, ms", "p99, ms")
    return table("Orders served by size", (*titles, *more), rows)


def _cliff_row(point: Point) -> tuple[Entry, ...]:
    low, high = wilson(point.row.ok, point.row.answered)
    size = metadata_size(point)
    held = (point.refusals.percentile_us(each) for each in (50, 99))
    return (
        tables.name(point.cell.row),
        tables.whole(point.cell.ids),
        tables.whole(size),
        tables.whole(point.row.answered),
        tables.percent(point.served),
        Entry(f"{percent(low)} to {percent(high)}", low),
        tables.percent(1 - predicted_refusals(size)),
        *(tables.whole(each / 1000 if each is not None else None) for each in held),
    )


FIGURES = (metadata, all_bytes, cliff)
