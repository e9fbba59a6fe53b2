"""The project's own promises, and whether a run kept them."""

from collections.abc import Iterator

from loadtest.change.record import UnderChange
from loadtest.report.points import Findings
from loadtest.results import Experiment
from loadtest.targets import judge_targets

Promise = tuple[str, bool]
"""What was promised and measured, in words; and whether it was kept."""


def promises(findings: Findings) -> Iterator[Promise]:
    """Those that the run can answer."""
    rows = [point.row for point in findings.usual(Experiment.COST)]
    for target in judge_targets(rows):
        yield str(target), target.met
    yield from _under_change(findings.run.under_change)


def _under_change(found: UnderChange) -> Iterator[Promise]:
    if found.staleness:
        broken = sum(each.broken for each in found.staleness)
        yield _none(broken, sum(e.decisions for e in found.staleness), "decisions beyond a bound")
    asked = sum(each.stranger_orders for each in found.staleness)
    asked += sum(each.strangers for each in found.outage)
    served = sum(each.stranger_served for each in found.staleness)
    served += sum(each.strangers_served for each in found.outage)
    if asked:
        yield _none(served, asked, "orders of strangers served")
    if found.rotation:
        failed = sum(sum(each.failed.values()) for each in found.rotation)
        yield _none(failed, sum(e.wanted for e in found.rotation), "orders failed as keys changed")
        forged = sum(each.forged_served for each in found.rotation)
        yield _none(forged, sum(each.forged for each in found.rotation), "forged orders served")
        most = max(each.most_in_30_s for each in found.rotation)
        yield f"{most} look for an unknown key in any 30 s, at most 1", most <= 1


def _none(many: int, of: int, words: str) -> Promise:
    return f"{many:,} of {of:,} {words}", many == 0
