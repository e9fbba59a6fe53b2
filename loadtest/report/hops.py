"""The figure of section 4 about hops: what was measured of them, beside what travels."""

from collections.abc import Mapping

from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.figures import Figure, ends
from loadtest.report.lines import Limit, LineChart
from loadtest.report.points import Findings
from loadtest.report.scales import log_over, measured
from loadtest.report.size import metadata_lines
from loadtest.report.tables import Entry, Table, table
from mesh.known import LIMITS_FILE, HeaderLimits, KnownLimits, LimitsFile

SERVER = "grpcio server"
CLOSE = 1.25
"""Limits nearer than this factor share one label."""

_DIRECTIONS = {"request": "request", "initial": "initial response", "trailing": "trailers"}


def in_defaults(known: LimitsFile) -> dict[str, KnownLimits]:
    """Single hops in their default configuration, and the service's own server."""
    return {
        name: limits
        for name, limits in known.subjects.items()
        if name == SERVER or (limits.role == "path" and not set(name) & set(":+"))
    }


def one_value(limits: HeaderLimits) -> int | None:
    """The largest header that a single large value surely passes in."""
    bounds = [each for each in (limits.total_bytes, limits.value_bytes) if each is not None]
    return min(bounds, default=None)


def limit_lines(hops: Mapping[str, KnownLimits]) -> list[Limit]:
    """Each hop's limit for one value in a request; labels of close ones are put together."""
    found = sorted(
        (size, name)
        for name, limits in hops.items()
        if (size := one_value(limits.directions["request"])) is not None
    )
    lines: list[Limit] = []
    start = 0
    for place, (size, _) in enumerate(found):
        if size > found[start][0] * CLOSE:
            start = place
        last_of_group = place + 1 == len(found) or found[place + 1][0] > found[start][0] * CLOSE
        group = found[start : place + 1]
        label = " · ".join(f"{name} {bytes_:,}" for bytes_, name in group)
        lines.append(Limit(size, label if last_of_group else ""))
    return lines


def hop_limits(findings: Findings) -> Figure | None:
    """Where each strategy's metadata crosses each hop's limit."""
    lines = metadata_lines(findings)
    if not lines:
        return None
    known = LimitsFile.from_text(LIMITS_FILE.read_text(encoding="utf-8"))
    hops = in_defaults(known)
    limits = limit_lines(hops)
    values = [*ends(lines), *(limit.y * 1.3 for limit in limits)]
    chart = LineChart(
        "Bytes of metadata per order against ids carried, with each hop's limit, axes logarithmic",
        Axis("ids carried", measured([mark.x for each in lines for mark in each.marks])),
        Axis("metadata per order, bytes", log_over(values)),
        lines,
        limits=limits,
    )
    return Figure(
        "hops",
        "Metadata per order, and the limits of hops",
        "The same sizes beside what one value may take through each hop in its defaults, as "
        f"make limits measured on {known.measured_at[:10]} (mesh/limits.json; not part of this "
        "run). Hops count differently: some without 32 bytes for each entry. Responses have limits "
        "of their own, and nginx's is the narrowest of all; docs/limits.md says what to do.",
        [chart],
        _limits_table(hops),
    )


def _limits_table(hops: Mapping[str, KnownLimits]) -> Table:
    rows = [
        (
            Entry(name),
            Entry(hop.version),
            Entry(_DIRECTIONS[direction]),
            tables.whole(limits.total_bytes),
            tables.whole(limits.value_bytes),
            tables.whole(limits.entries),
            tables.whole(limits.entry_bytes),
        )
        for name, hop in hops.items()
        for direction, limits in hop.directions.items()
    ]
    titles = ("Hop", "Version", "Direction", "Total, bytes", "One value, bytes", "Entries")
    return table("Measured limits", (*titles, "Counted for each entry, bytes"), rows)


FIGURES = (hop_limits,)
