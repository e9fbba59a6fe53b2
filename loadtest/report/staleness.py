"""Figures of section 5 about rights that change: how long until orders show it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.change.lanes import Clients, Revocation
from loadtest.change.staleness.record import StalenessResult, StatedBounds, Times
from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.figures import Figure
from loadtest.report.numbers import duration, period
from loadtest.report.panels import Bound, Panel, PanelChart, Trace
from loadtest.report.points import Findings
from loadtest.report.scales import decades
from loadtest.report.tables import Entry, Table, Tone, table

_MOST_STEPS = 120
"""Of a drawn distribution."""
_LEAST_S = 0.001
"""What is shorter is drawn here."""
_ROOM = 1.4
"""Factor by which the axis goes on after the longest bound, for its label."""
_KINDS = {
    Revocation.EXPIRY.value: "until state expires",
    Revocation.WATERMARKS.value: "or a watermark ends it",
}
"""What ends a revoked right, by the record's word for it."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One kind of change: which times tell of it, and which bound."""

    id: str
    title: str
    times: Callable[[StalenessResult], Times]
    bound_s: Callable[[StatedBounds], float]


_LOSS = _Change(
    "revocation",
    "From revoke to refusal",
    lambda result: result.revoke_to_refusal,
    lambda bounds: bounds.revoked_s,
)
_GAIN = _Change(
    "grant",
    "From grant to accept",
    lambda result: result.grant_to_accept,
    lambda bounds: bounds.granted_s,
)


def slowest(findings: Findings, row: str) -> list[StalenessResult]:
    """For each way to revoke, the customers who are told of a loss last: those who hold."""
    shown = {Clients.HOLD.value, Clients.CARRY_NOTHING.value}
    found = findings.run.under_change.staleness
    return [each for each in found if each.strategy == row and each.clients in shown]


def revocation(findings: Findings) -> Figure | None:
    """How long a right that was taken away still counted."""
    return _figure(
        findings,
        _LOSS,
        "Share of revocations that show by then: from the acknowledgement to the answer of the "
        "first order from which on none was accepted. Customers who show what they hold; the table "
        "has those who list again after each refusal too. The marked line is what the strategy "
        "states. Times include the order that saw the change, so an oracle judges each decision "
        "against the bound; the table counts those beyond it.",
    )


def grant(findings: Findings) -> Figure | None:
    """How long a new right did not count yet."""
    return _figure(
        findings,
        _GAIN,
        "Share of grants that show by then: from the acknowledgement to the answer of the first "
        "accepted order. Customers who hold what they carry wait until it has expired; those who "
        "list again after a refusal do not, and are in the table.",
    )


def _figure(findings: Findings, change: _Change, caption: str) -> Figure | None:
    panels = [
        panel for row in findings.strategies if (panel := _panel(findings, row, change)).traces
    ]
    if not panels:
        return None
    reached = [x for panel in panels for trace in panel.traces for x, _ in trace.places]
    bounds = [t.bound.x for panel in panels for t in panel.traces if t.bound]
    kinds = max(trace.kind for panel in panels for trace in panel.traces) + 1
    chart = PanelChart(
        f"{change.title} as cumulative distribution by strategy, time logarithmic",
        Axis(f"{change.title.lower()}", decades([*reached, *bounds, max(bounds) * _ROOM]), period),
        tuple(_KINDS.values())[:kinds],
        "stated bound",
        panels,
    )
    return Figure(change.id, change.title, caption, [chart], _table(findings))


def _panel(findings: Findings, row: str, change: _Change) -> Panel:
    lanes = [each for each in slowest(findings, row) if change.times(each).series_ms]
    p99s = [duration(_seconds(change.times(each).p99_ms)) for each in lanes]
    return Panel(row, f"p99 {', '.join(p99s)}", [_trace(each, change) for each in lanes])


def _trace(result: StalenessResult, change: _Change) -> Trace:
    bound_s, times = change.bound_s(result.bounds), change.times(result)
    return Trace(
        kind=list(_KINDS).index(result.revocation),
        places=steps(times.series_ms),
        words=f"p50 {duration(_seconds(times.p50_ms))}, p99 {duration(_seconds(times.p99_ms))}, "
        f"bound {period(bound_s)} ({result.bounds.words})",
        bound=Bound(bound_s, period(bound_s)),
    )


def steps(series_ms: Sequence[float]) -> list[tuple[float, float]]:
    """The corners of a rising series' cumulative distribution: seconds, share."""
    count = len(series_ms)
    kept = sorted({round(i * (count - 1) / _MOST_STEPS) for i in range(_MOST_STEPS + 1)})
    places, share = [], 0.0
    for index in kept:
        x = max(series_ms[index] / 1000, _LEAST_S)
        places += [(x, share), (x, (index + 1) / count)]
        share = (index + 1) / count
    return places


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _table(findings: Findings) -> Table:
    found = findings.run.under_change.staleness
    rows = [_row(each) for row in findings.strategies for each in found if each.strategy == row]
    titles = ("Strategy", "Customers", "Revoked state", "Revoke to refusal, p50", "p99", "longest")
    more = ("Bound", "Grant to accept, p50", "p99", "longest", "Bound", "Not seen")
    last = ("Decisions", "Wrong of 1,000", "Longest wrong", "Beyond its bound")
    return table("Times of changes, and wrong decisions", (*titles, *more, *last), rows)


def _row(each: StalenessResult) -> tuple[Entry, ...]:
    lost, gained = each.revoke_to_refusal, each.grant_to_accept
    return (
        tables.name(each.strategy),
        Entry(each.clients),
        Entry(each.revocation),
        *_three(lost),
        _bound(each.bounds.revoked_s),
        *_three(gained),
        _bound(each.bounds.granted_s),
        tables.whole(lost.unseen + gained.unseen),
        tables.whole(each.decisions),
        tables.whole(each.wrong_per_thousand),
        tables.duration(_seconds(each.wrong_age.max_ms)),
        Entry(f"{each.broken:,}", each.broken, tone=Tone.BAD if each.broken else Tone.GOOD),
    )


def _bound(seconds: float) -> Entry:
    return Entry(period(seconds), seconds)


def _three(times: Times) -> tuple[Entry, ...]:
    return tuple(
        tables.duration(_seconds(each)) for each in (times.p50_ms, times.p99_ms, times.max_ms)
    )


FIGURES = (revocation, grant)
