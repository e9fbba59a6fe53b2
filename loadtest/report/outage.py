"""Figures of section 5 about services that are gone: orders served before, during and after."""

from collections import Counter
from collections.abc import Callable, Sequence

from loadtest.change.outage.record import OutageResult, Phase
from loadtest.change.outage.show import amplification, hit
from loadtest.report import tables
from loadtest.report.figures import Figure
from loadtest.report.numbers import NOTHING, percent
from loadtest.report.points import Findings
from loadtest.report.ribbons import Moment, Ribbon, RibbonChart, parts_of, time_axis
from loadtest.report.tables import Entry, Table, table

PRODUCTS = "products"
_RECOVERY_S = 0.1
"""Times to recover are known to this much: an order is due every so often."""
_TITLES = {
    PRODUCTS: "Products gone",
    "follower": "The replica's follower gone",
    "store": "The store of references gone",
    "worker": "One of two orders workers gone",
}


def target_of(result: OutageResult) -> str:
    """What was hit; workers count as one target."""
    return result.target.partition("-")[0]


def figure_id(target: str) -> str:
    """What links to the figure of one target point at."""
    return f"outage-{target}"


def figure_of(target: str) -> Callable[[Findings], Figure | None]:
    """The figure of one target, with a chart for each way in which it was hit."""

    def figure(findings: Findings) -> Figure | None:
        found = [e for e in findings.run.under_change.outage if target_of(e) == target]
        if not found:
            return None
        faults = dict.fromkeys(each.fault for each in found)
        charts = [_chart(findings, [e for e in found if e.fault == fault]) for fault in faults]
        return Figure(
            figure_id(target),
            _TITLES.get(target, target),
            _caption(found),
            charts,
            _table(findings, found),
        )

    return figure


def _caption(found: Sequence[OutageResult]) -> str:
    words = (
        "Share of orders served, by when they were due, of customers who had listed before. "
        "The ground is shaded while it lasted. Served: of the orders due in that time, or after it "
        "where the process is started again at once by its parent. Recovers: from its end to the "
        "first lasting success."
    )
    if target_of(found[0]) == "worker":
        return f"{words} Of two workers the one that cost more orders; the table has both."
    if target_of(found[0]) == PRODUCTS:
        return f"{words} Nobody new can list while products is gone, whatever the strategy."
    return words


def _chart(findings: Findings, found: Sequence[OutageResult]) -> RibbonChart:
    shown = _worst(found)
    first = shown[0]
    ribbons = [_ribbon(e) for row in findings.strategies for e in shown if e.strategy == row]
    lasted = max(each.ended_s - each.began_s for each in shown)
    begin = Moment(0.0, first.fault)
    return RibbonChart(
        f"Share of orders served over time, {first.target} {first.fault}",
        time_axis(f"seconds since {first.target} was {first.fault}", ribbons),
        ribbons,
        [begin, Moment(lasted, "back")] if lasted else [begin],
        ("served", "recovers"),
        (0.0, lasted) if lasted else None,
    )


def _worst(found: Sequence[OutageResult]) -> Sequence[OutageResult]:
    """Those of the one target whose loss cost most orders."""
    lost: Counter[str] = Counter()
    for each in found:
        lost[each.target] += sum(hit(each).refused.values())
    target = max(dict.fromkeys(each.target for each in found), key=lambda name: lost[name])
    return [each for each in found if each.target == target]


def _ribbon(result: OutageResult) -> Ribbon:
    share = hit(result).share
    served = NOTHING if share is None else percent(share)
    recovers = recovery(result)
    return Ribbon(
        result.strategy,
        parts_of(result.timeline, result.began_s),
        (served, recovers),
        f"{served} served with {result.target} {result.fault}; recovers: {recovers}",
    )


def recovery(result: OutageResult) -> str:
    """The time to recover in words, as exact as it is known."""
    if result.recovered_s is None:
        return "not seen"
    if not result.recovered_s:
        return "no loss"
    known = result.recovered_s >= _RECOVERY_S
    return f"{result.recovered_s:.1f} s" if known else f"< {_RECOVERY_S:g} s"


def _table(findings: Findings, found: Sequence[OutageResult]) -> Table:
    rows = [_row(e) for row in findings.strategies for e in found if e.strategy == row]
    titles = ("Strategy", "Gone", "Lasted", "Served before", "During", "After", "Recovers")
    more = ("Slowest answer", "New customers served", "Calls an order", "Refused with")
    return table("Orders served", (*titles, *more), rows)


def _row(result: OutageResult) -> tuple[Entry, ...]:
    refused = Counter(result.during.refused) + Counter(result.after.refused)
    lasted = result.ended_s - result.began_s
    return (
        tables.name(result.strategy),
        Entry(f"{result.target} {result.fault}"),
        tables.duration(lasted) if lasted else Entry("a moment", 0.0),
        *(tables.percent(each.share) for each in (result.before, result.during, result.after)),
        Entry(recovery(result), result.recovered_s),
        tables.duration(max(result.during.slowest_s, result.after.slowest_s)),
        tables.percent(_new_share(hit(result))),
        _times(amplification(result)),
        Entry(", ".join(f"{many:,} {text}" for text, many in refused.most_common()) or NOTHING),
    )


def _new_share(phase: Phase) -> float | None:
    wanted = phase.new_served + sum(phase.new_refused.values())
    return phase.new_served / wanted if wanted else None


def _times(factor: float | None) -> Entry:
    return Entry(NOTHING if factor is None else f"{factor:.2f}", factor)


FIGURES = tuple(figure_of(target) for target in _TITLES)
