"""What the verdict says of rights, services, versions and keys that change."""

from collections.abc import Iterable, Sequence

from loadtest.change.lanes import Revocation
from loadtest.change.outage.record import OutageResult
from loadtest.change.outage.show import hit
from loadtest.change.staleness.record import StalenessResult
from loadtest.report.coupling import register
from loadtest.report.numbers import duration, percent, period
from loadtest.report.outage import PRODUCTS, figure_id, recovery, target_of
from loadtest.report.points import Findings
from loadtest.report.staleness import slowest
from loadtest.report.tables import EMPTY, Entry, Tone

_UNHARMED = 0.99
"""A share of served orders from which on an outage is not worth a word."""
_OWN_PARTS = ("follower", "store")
"""What only some strategies need."""
_MEETINGS = {
    "new field": ("v2, new fields", "v2", "tolerant"),
    "if strict": ("v2, new fields", "v2", "strict"),
    "new version": ("v2", "v1", "tolerant"),
    "old version": ("v1", "v1 and v2", "tolerant"),
}
"""Changes of the state's form: who meets whom in the matrix."""


def stale(findings: Findings, row: str) -> Entry:
    """How long a revoked right still counted, and whether the stated bound was kept."""
    found = [each for each in slowest(findings, row) if each.revoke_to_refusal.p99_ms is not None]
    broken = {each.revocation: _broken(findings, row, each.revocation) for each in found}
    words = [_stale_words(each, broken[each.revocation]) for each in found]
    first = found[0].revoke_to_refusal.p99_ms if found else None
    return Entry("; ".join(words), first, tone=Tone.BAD if any(broken.values()) else None)


def _broken(findings: Findings, row: str, revocation: str) -> int:
    """Decisions beyond the bound, of all kinds of customers."""
    found = findings.run.under_change.staleness
    own = (each for each in found if (each.strategy, each.revocation) == (row, revocation))
    return sum(each.broken for each in own)


def _stale_words(each: StalenessResult, broken: int) -> str:
    p99 = duration((each.revoke_to_refusal.p99_ms or 0.0) / 1000)
    name = " with watermarks" if each.revocation == Revocation.WATERMARKS else ""
    over = f", OVER IT {broken:,} times" if broken else ""
    return f"{p99} ({period(each.bounds.revoked_s)}{over}){name}"


def products_down(findings: Findings, row: str) -> Entry:
    """The share of orders served while products was gone, and the time to recover."""
    worst = _worst(_outages(findings, row, (PRODUCTS,)))
    if worst is None:
        return EMPTY
    share = hit(worst).share or 0.0
    back = f"; recovers: {recovery(worst)}" if worst.recovered_s != 0 else ""
    return Entry(f"{percent(share)}{back}", share)


def parts_down(findings: Findings, row: str) -> Entry:
    """The worst that the outage of what only some strategies need did."""
    worst = _worst(_outages(findings, row, _OWN_PARTS))
    if worst is None:
        return EMPTY
    share, evidence = hit(worst).share or 0.0, figure_id(target_of(worst))
    if share >= _UNHARMED:
        return Entry("no harm", share, evidence=evidence)
    words = f"{percent(share)}; {worst.target} {worst.fault}"
    return Entry(words, share, evidence=evidence)


def _outages(findings: Findings, row: str, targets: Sequence[str]) -> list[OutageResult]:
    found = findings.run.under_change.outage
    return [each for each in found if each.strategy == row and target_of(each) in targets]


def _worst(found: Iterable[OutageResult]) -> OutageResult | None:
    """The one with the smallest share served; of equal ones the slowest to recover."""
    known = [each for each in found if hit(each).share is not None]
    return min(known, key=lambda each: (hit(each).share, -_recovery_s(each)), default=None)


def _recovery_s(result: OutageResult) -> float:
    return float("inf") if result.recovered_s is None else result.recovered_s


def schema(findings: Findings, row: str) -> Entry:
    """What becomes of orders when the form of the state changes."""
    skew = findings.run.under_change.skew
    matrix = next((each.matrix for each in skew if each.strategy == row), ())
    if not matrix:
        travels = {state.strategy.value for state in register().states}
        return Entry("no state travels") if skew and row not in travels else EMPTY
    met = {(each.producer, each.consumer, each.reader): each.result for each in matrix}
    words = (f"{name}: {met[meeting]}" for name, meeting in _MEETINGS.items() if meeting in met)
    return Entry("; ".join(words))


def keys(findings: Findings, row: str) -> Entry:
    """Orders that failed while the signing key changed."""
    rotation = findings.run.under_change.rotation
    found = next((each for each in rotation if each.strategy == row), None)
    if found is None:
        return EMPTY
    many = sum(found.failed.values())
    return Entry(f"{many:,} failed", many, tone=Tone.BAD if many else None)
