"""From what was seen to the results, one for each lane."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from loadtest.change.history import History, Order, Purpose
from loadtest.change.lanes import Lane
from loadtest.change.oracle import NONE, Decision, Finding, Judgement, Oracle
from loadtest.change.reactions import Reaction, reactions
from loadtest.change.staleness.record import StalenessResult, StatedBounds, Times, Violation

MOST_VIOLATIONS = 20
"""How many are told one by one."""
WRONG = frozenset(Finding) - {Finding.RIGHT, Finding.UNDECIDED}


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of an experiment, with all that was seen in it."""

    lanes: Sequence[Lane]
    history: History
    changing: str
    """The product whose rights change."""
    strangers: frozenset[str]
    """Who was never granted it."""
    began: float
    duration_s: float
    background_changes: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """An order, and what the oracle says of it."""

    order: Order
    judgement: Judgement


def judged(history: History) -> list[Judged]:
    """Every order with its judgement.

    Raises:
        Contradiction: revisions do not rise with time.
    """
    oracle = Oracle({}, history.commits)
    return [
        Judged(order, oracle.judge(order.decision, order.lane.stated.bounds))
        for order in history.orders
    ]


def results(phase: Phase) -> list[StalenessResult]:
    """One for each lane.

    Raises:
        Contradiction: revisions do not rise with time.
    """
    by_lane: defaultdict[Lane, list[Judged]] = defaultdict(list)
    for each in judged(phase.history):
        by_lane[each.order.lane].append(each)
    return [_result(phase, lane, by_lane[lane]) for lane in phase.lanes]


def _result(phase: Phase, lane: Lane, found: Sequence[Judged]) -> StalenessResult:
    changing = [each for each in found if each.order.decision.key.product_id == phase.changing]
    stranger = [each for each in changing if each.order.decision.key.subject in phase.strangers]
    flow = [each for each in changing if each.order.purpose is Purpose.FLOW]
    broken = [each for each in found if each.judgement.broken]
    seen = list(_reactions(phase.history, [each.order.decision for each in changing]))
    commits = len(phase.history.commits) + phase.background_changes
    undecided = (e.order.answer for e in found if e.judgement.finding is Finding.UNDECIDED)
    return StalenessResult(
        strategy=lane.strategy.value,
        clients=lane.clients.value,
        revocation=lane.revocation.value,
        bounds=_stated(lane),
        revoke_to_refusal=_times(_seen(seen, allows=False)),
        grant_to_accept=_times(_seen(seen, allows=True)),
        wrong_age=_times(e.judgement.age_s for e in found if e.judgement.finding in WRONG),
        decisions=len(found),
        findings=dict(Counter(each.judgement.finding.value for each in found)),
        undecided=dict(Counter(undecided)),
        flow_decisions=len(flow),
        flow_wrong=sum(each.judgement.finding in WRONG for each in flow),
        stranger_orders=len(stranger),
        stranger_served=sum(e.judgement.finding is Finding.NEVER_GRANTED for e in stranger),
        broken=len(broken),
        violations=tuple(_violation(phase, each) for each in broken[:MOST_VIOLATIONS]),
        duration_s=phase.duration_s,
        changes_per_s=round(commits / phase.duration_s, 1),
        orders_per_s=round(len(phase.history.orders) / phase.duration_s, 1),
        late_p99_ms=_ms(_percentile(sorted(phase.history.late_s), 99) or 0.0),
        settings=dict(phase.settings),
    )


def _reactions(history: History, decisions: Iterable[Decision]) -> Iterable[Reaction]:
    by_key = defaultdict(list)
    for decision in sorted(decisions, key=lambda each: each.when.begin):
        by_key[decision.key].append(decision)
    commits = history.commits_by_key()
    for key, of_key in by_key.items():
        yield from reactions(NONE, commits.get(key, ()), of_key)


def _seen(found: Iterable[Reaction], *, allows: bool) -> Iterable[float | None]:
    """Narrowed rights are losses that not every strategy hears of, and are left out."""
    for reaction in found:
        if reaction.noticed and reaction.allows is reaction.commit.right.granted is allows:
            yield reaction.seen_s


def _times(seconds: Iterable[float | None]) -> Times:
    all_of_them = list(seconds)
    series = sorted(_ms(each) for each in all_of_them if each is not None)
    return Times(
        series_ms=tuple(series),
        unseen=len(all_of_them) - len(series),
        p50_ms=_percentile(series, 50),
        p99_ms=_percentile(series, 99),
        max_ms=series[-1] if series else None,
    )


def _percentile(rising: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile: a value that was seen."""
    return rising[ceil(percent / 100 * len(rising)) - 1] if rising else None


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def _stated(lane: Lane) -> StatedBounds:
    bounds = lane.stated.bounds
    return StatedBounds(
        words=lane.stated.words,
        revoked_s=bounds.revoked_s,
        narrowed_s=bounds.narrowed_s,
        granted_s=bounds.granted_s,
        widened_s=bounds.widened_s,
    )


def _violation(phase: Phase, each: Judged) -> Violation:
    decision = each.order.decision
    return Violation(
        subject=decision.key.subject,
        product_id=decision.key.product_id,
        finding=each.judgement.finding.value,
        age_s=round(each.judgement.age_s, 4),
        sent_s=round(decision.when.begin - phase.began, 4),
    )
