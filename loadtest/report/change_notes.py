"""What the experiments under change cannot say, and how they were done."""

from collections.abc import Iterator, Sequence

from loadtest.change.outage.record import OutageResult
from loadtest.change.record import UnderChange
from loadtest.change.rotation.record import RotationResult
from loadtest.change.skew.record import SkewResult
from loadtest.change.staleness.record import StalenessResult
from loadtest.report.numbers import duration, period


def caveats(found: UnderChange) -> Iterator[str]:
    """What to keep in mind of each experiment that was run."""
    if found.staleness:
        yield _lifetimes(found.staleness)
    if found.outage:
        yield from _outages(found.outage)
    if found.skew:
        yield (
            "Versions: replica and direct-call carry no state. What they depend on is the form of "
            "the calls to products, which buf breaking holds and no experiment here changes."
        )
    if found.rotation:
        yield (
            "Keys: rotated within seconds, for which customers list again every second. In "
            "production the time between rotations must be longer than the life of the state."
        )


def _lifetimes(found: Sequence[StalenessResult]) -> str:
    bounds = sorted({each.bounds.revoked_s for each in found})
    counts = [len(each.revoke_to_refusal.series_ms) for each in found]
    return (
        f"Staleness: lifetimes are set short, with bounds of {period(bounds[0])} to "
        f"{period(bounds[-1])}, so that a run can be. Read times against their bound; with your "
        f"settings both are longer. Each distribution has {min(counts)} to {max(counts)} changes, "
        "and the 99th percentile of fewer than a hundred is the longest. One clock judges and "
        "serves, so clocks that differ are not measured."
    )


def _outages(found: Sequence[OutageResult]) -> Iterator[str]:
    yield (
        "Outages: a process that is killed on this machine answers with a reset at once, where a "
        "lost machine answers with silence; that is what paused is for. Times to recover include "
        "the start of a Python process, on a machine that the load shares."
    )
    wanted = [each.before.served + sum(each.before.refused.values()) for each in found]
    steps = {each.timeline.bucket_s for each in found}
    yield (
        f"Time lines count orders in steps of {period(min(steps))}, a handful for each strategy; "
        f"before a fault there are about {sorted(wanted)[len(wanted) // 2]}."
    )


def conduct(found: UnderChange) -> Iterator[str]:
    """How each experiment was done."""
    if found.staleness:
        yield _staleness(found.staleness)
    if found.outage:
        yield _outage(found.outage)
    if found.skew:
        yield _skew(found.skew)
    if found.rotation:
        yield _rotation(found.rotation)


def _staleness(found: Sequence[StalenessResult]) -> str:
    phases = {each.revocation: each for each in found}
    parts = ", ".join(
        f"{name} for {duration(each.duration_s)} with {each.changes_per_s:,.0f} changes and "
        f"{each.orders_per_s:,.0f} orders a second"
        for name, each in phases.items()
    )
    return (
        f"Staleness: rights come and go while orders flow ({parts}). An oracle knows what products "
        "committed and when each order was sent and answered. It calls a decision wrong only where "
        "no choice of the moments in between makes it right."
    )


def _outage(found: Sequence[OutageResult]) -> str:
    faults = dict.fromkeys(f"{each.target} {each.fault}" for each in found)
    longest = max(each.ended_s - each.began_s for each in found)
    return (
        f"Outage: {', '.join(faults)}, one after another, up to {duration(longest)} each, while "
        "customers of all strategies order at fixed times and try again as the client recommends."
    )


def _skew(found: Sequence[SkewResult]) -> str:
    meetings = sum(len(each.matrix) for each in found)
    rolls = [roll for each in found for roll in each.rolls]
    rolled = sum(roll.wanted for roll in rolls)
    ways = " and ".join(dict.fromkeys(roll.way for roll in rolls))
    return (
        f"Versions: {meetings:,} meetings of a producer with a consumer, tried with orders whose "
        f"right outcome follows from the grants; {rolled:,} orders while services were "
        f"rolled, by {ways}."
    )


def _rotation(found: Sequence[RotationResult]) -> str:
    return (
        f"Keys: {len(found[0].rotated_s)} rotations under {sum(e.wanted for e in found):,} orders "
        f"and {sum(e.forged for e in found):,} that name keys which nobody has."
    )
