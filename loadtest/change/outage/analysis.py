"""From what became of calls to what a fault did. Pure; times in seconds since the Unix epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.change.crowd.values import Kind, Outcome
from loadtest.change.outage.attempts import SeenCall, calls_of
from loadtest.change.outage.record import OutageResult, Phase, Seen
from loadtest.change.timeline import Span, refusals, timeline


@dataclass(frozen=True, slots=True)
class Incident:
    """One fault: what was hit and how, and which times around it count."""

    target: str
    fault: str
    before: Span
    during: Span
    after: Span

    @property
    def whole(self) -> Span:
        """From the first to the last time that counts."""
        return Span(self.before.begin, self.after.end)


def recovered_s(
    outcomes: Sequence[Outcome], fault: Span, until: float, lasting_s: float
) -> float | None:
    """From the fault's end to the answer that begins a lasting success.

    That is the first accepted call, due after the fault, from whose due time on nothing was refused
    for `lasting_s`. 0 where nothing was refused since the fault began; None where there is none
    whose `lasting_s` pass before `until`.
    """
    since = [each for each in outcomes if fault.begin <= each.at < until]
    bad = [each.at for each in since if not each.served]
    if not bad:
        return 0.0
    for each in since:
        steady = Span(each.at, each.at + lasting_s)
        if each.at < fault.end or not each.served or any(at in steady for at in bad):
            continue
        return max(0.0, each.at + each.took_s - fault.end) if steady.end <= until else None
    return None


def phase(outcomes: Sequence[Outcome], seen: Seen, span: Span) -> Phase:
    """Sum up the calls that were due within `span`; `seen` is counted elsewhere."""
    within = [each for each in outcomes if each.at in span]
    returning = [each for each in within if each.kind == Kind.RETURNING]
    new = [each for each in within if each.kind == Kind.NEW]
    return Phase(
        served=sum(each.served for each in returning),
        refused=refusals(returning),
        slowest_s=max((each.took_s for each in returning), default=0.0),
        new_served=sum(each.served for each in new),
        new_refused=refusals(new),
        seen=seen,
    )


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that is known of one strategy."""

    strategy: str
    outcomes: Sequence[Outcome]
    """In the order in which they were due."""
    orders_log: Sequence[SeenCall]
    products_log: Sequence[SeenCall]
    """Calls that the services worked on, of all strategies."""

    def result(self, incident: Incident, bucket_s: float, lasting_s: float) -> OutageResult:
        """What `incident` did."""
        whole = incident.whole
        returning = [each for each in self.outcomes if each.kind == Kind.RETURNING]
        strangers = [e for e in self.outcomes if e.kind == Kind.STRANGER and e.at in whole]
        return OutageResult(
            strategy=self.strategy,
            target=incident.target,
            fault=incident.fault,
            began_s=incident.during.begin - whole.begin,
            ended_s=incident.during.end - whole.begin,
            recovered_s=recovered_s(returning, incident.during, whole.end, lasting_s),
            before=self._phase(incident.before),
            during=self._phase(incident.during),
            after=self._phase(incident.after),
            timeline=timeline(returning, whole, bucket_s),
            strangers=len(strangers),
            strangers_served=sum(each.served for each in strangers),
        )

    def _phase(self, span: Span) -> Phase:
        wanted = [each for each in self.outcomes if each.at in span]
        seen = Seen(
            wanted=len(wanted),
            ordered=sum(each.ordered for each in wanted),
            orders=calls_of(self.strategy, self.orders_log, span),
            products=calls_of(self.strategy, self.products_log, span),
        )
        return phase(self.outcomes, seen, span)
