"""What must hold of every history. Pure: reads what was written down, and knows no follower."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from orders_svc.feed.steps import NOWHERE, Position
from orders_svc.replica.status import CLOCK_TOLERANCE_S
from tests.simulation.history import (
    Answered,
    Asked,
    Committed,
    Grants,
    History,
    Jumped,
    Lost,
    Record,
    Refused,
    Wrote,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must hold does not, as `record` shows."""

    rule: str
    text: str
    record: Record


Finding = tuple[str, Record]
Finder = Callable[[History], Iterator[Finding]]


def violations(history: History) -> Sequence[Violation]:
    """Everything that is wrong with `history`."""
    return [
        Violation(rule, text, record)
        for rule, find in RULES.items()
        for text, record in find(history)
    ]


def ordered(history: History) -> Iterator[Finding]:
    """The copy never goes back: not in its epoch, and not in its revision."""
    for before, after in _writes_in_turn(history):
        if after.meta.position < before.meta.position:
            yield f"from {before.meta.position} back to {after.meta.position}", after


def unique(history: History) -> Iterator[Finding]:
    """No change is applied twice."""
    applied: set[Position] = set()
    for record in history.records:
        if isinstance(record, Lost):
            applied.clear()
        if isinstance(record, Wrote):
            for revision in record.revisions:
                change = Position(record.meta.epoch, revision)
                if change in applied:
                    yield f"change {change} was applied again", record
                applied.add(change)


def no_gap(history: History) -> Iterator[Finding]:
    """Changes follow on the revision of the copy, one by one."""
    for before, after in _writes_in_turn(history):
        if after.how == "changes":
            at = before.meta.revision
            wanted = list(range(at + 1, at + 1 + len(after.revisions)))
            if wanted != list(after.revisions) or before.meta.epoch != after.meta.epoch:
                yield f"{list(after.revisions)} were applied at {before.meta.position}", after


def resumable(history: History) -> Iterator[Finding]:
    """Every stream resumes from the copy, unless there is a reason to take a snapshot."""
    reason = True
    for record in history.records:
        match record:
            case Wrote(how="snapshot"):
                reason = False
            case Wrote(how="staging" | "incomplete") | Lost():
                reason = True
            case Asked(copy=copy, resume=resume) if resume not in (copy, NOWHERE):
                yield f"asked for {resume} with a copy at {copy}", record
            case Asked(copy=copy, resume=resume) if resume == NOWHERE != copy and not reason:
                yield f"asked for a snapshot with a sound copy at {copy}", record


def consistent(history: History) -> Iterator[Finding]:
    """After every write the copy is what products was at that position, snapshot or changes."""
    states = _states(history)
    for record in history.records:
        if isinstance(record, Wrote) and record.meta.epoch:
            state = states.get(record.meta.position)
            if state is None:
                yield f"products never was at {record.meta.position}", record
            elif state != record.grants or record.meta.grants != len(state):
                yield f"the copy is not what products was at {record.meta.position}", record


def never_emptied(history: History) -> Iterator[Finding]:
    """A history that starts anew without a grant is not adopted."""
    for before, after in _writes_in_turn(history):
        anew = NOWHERE.epoch < before.meta.epoch < after.meta.epoch
        if after.how == "snapshot" and anew and not after.grants:
            yield f"an empty copy replaced the one of {before.meta.position}", after


def truthful(history: History) -> Iterator[Finding]:
    """A reader is told one state of products, at the revision it demanded or after."""
    states = _states(history)
    for record in history.records:
        if isinstance(record, Answered):
            state = states.get(record.meta.position, {})
            if _told(record) != _true(record, state):
                yield f"told {_told(record)}, true was {_true(record, state)}", record
            revisions = {grant.revision for grant in record.found.values()}
            if not revisions <= {record.meta.revision}:
                yield f"told of {revisions} from {record.meta.position}", record
            if record.meta.revision < record.min_revision:
                yield f"told of {record.meta.position}, demanded {record.min_revision}", record


def whole(history: History) -> Iterator[Finding]:
    """Nobody is answered while changes are known to be missing."""
    missing = False
    for record in history.records:
        if isinstance(record, Wrote) and record.how in ("incomplete", "complete", "snapshot"):
            missing = record.how == "incomplete"
        if isinstance(record, Lost):
            missing = False  # as is what was known about it; how old it is counts all the same
        if isinstance(record, Answered) and missing:
            yield "answered with changes missing", record


def fresh(history: History) -> Iterator[Finding]:
    """Nobody is answered by the clock's account of the lag once that is over the bound."""
    for record in history.records:
        if isinstance(record, Answered):
            lag_s = record.clock - record.meta.synced_at
            if not record.meta.ready or not -CLOCK_TOLERANCE_S <= lag_s <= history.lag_bound_s:
                yield f"answered with ready={record.meta.ready}, {lag_s:.3f} s behind", record


def truly_fresh(history: History) -> Iterator[Finding]:
    """Nobody is answered with what has been out of date for longer than the bound in truth.

    The clock's account may be off by as much as the clock was set back, and a snapshot counts from
    the arrival of its beginning.
    """
    ended = _ends(history)
    set_back_s = 0.0
    late_s = 0.0
    for record in history.records:
        match record:
            case Jumped(seconds=seconds) if seconds < 0:
                set_back_s -= seconds
            case Wrote(how="snapshot"):
                late_s = history.late_s
            case Wrote(how="complete"):
                late_s = 0.0
            case Answered():
                old_s = record.at - ended.get(record.meta.position, inf)
                if old_s > history.lag_bound_s + set_back_s + late_s:
                    yield f"answered with what was over for {old_s:.3f} s", record


def steady(history: History) -> Iterator[Finding]:
    """Readers, one after another, are never taken back."""
    seen = NOWHERE
    for record in history.records:
        if isinstance(record, Lost):
            seen = NOWHERE
        if isinstance(record, Answered):
            if record.meta.position < seen:
                yield f"told of {record.meta.position} after {seen}", record
            seen = max(seen, record.meta.position)


def recovers(history: History) -> Iterator[Finding]:
    """Once all trouble is over, readers are told what is so."""
    newest = [record for record in history.records if isinstance(record, Committed)][-1]
    last = [each for each in history.records if isinstance(each, Answered | Refused)][-1]
    if isinstance(last, Refused):
        yield f"ends with: {last.reason}", last
    elif last.meta.position != newest.position:
        yield f"ends at {last.meta.position} instead of {newest.position}", last


RULES: Mapping[str, Finder] = {
    find.__name__: find
    for find in (
        ordered,
        unique,
        no_gap,
        resumable,
        consistent,
        never_emptied,
        truthful,
        whole,
        fresh,
        truly_fresh,
        steady,
        recovers,
    )
}


def _writes_in_turn(history: History) -> Iterator[tuple[Wrote, Wrote]]:
    """Each write and the next, unless the copy was lost in between."""
    turns = [record for record in history.records if isinstance(record, Wrote | Lost)]
    for before, after in pairwise(turns):
        if isinstance(before, Wrote) and isinstance(after, Wrote):
            yield before, after


def _states(history: History) -> Mapping[Position, Grants]:
    committed = (record for record in history.records if isinstance(record, Committed))
    return {record.position: record.grants for record in committed}


def _ends(history: History) -> Mapping[Position, float]:
    """When products left each position, in seconds of true time."""
    committed = [record for record in history.records if isinstance(record, Committed)]
    return {before.position: after.at for before, after in pairwise(committed)}


def _told(record: Answered) -> Mapping[str, tuple[int, int | None]]:
    return {
        product_id: (grant.max_quantity, grant.unit_price_micros)
        for product_id, grant in record.found.items()
    }


def _true(record: Answered, state: Grants) -> Mapping[str, tuple[int, int]]:
    pairs = ((product_id, (record.subject, product_id)) for product_id in record.asked)
    return {product_id: state[pair] for product_id, pair in pairs if pair in state}
