"""How long it took until a change was seen by those who order. Pure: no I/O, no clock."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from loadtest.change.oracle import Commit, Decision, Right, Verdict


@dataclass(frozen=True, slots=True)
class Reaction:
    """What orders saw of one change that made them right or wrong.

    Times are in seconds from the change's acknowledgement, and 0 where they come before it.
    """

    commit: Commit
    allows: bool
    """Whether orders were right from then on."""
    seen_s: float | None
    """Until the answer of the first order from which on all said so; None if none did before the
    next such change."""
    unseen_s: float
    """Until the sending of the last order that was answered otherwise: the reaction was in between.
    """
    noticed: bool
    """Whether the change before had been seen; if not, there was nothing to see of this one."""


def reactions(
    before: Right, commits: Sequence[Commit], decisions: Sequence[Decision]
) -> Iterator[Reaction]:
    """The reaction to each change of one key that makes a difference to its orders.

    Args:
        before: the right that held before the first change.
        commits: of one key, in order.
        decisions: of orders of that key, all of the same quantity, by the time of sending.
    """
    if not decisions:
        return
    sent = [decision.when.begin for decision in decisions]
    turns = list(_turns(before, commits, decisions[0].quantity))
    # An order that was under way when a change was asked for says nothing of it.
    begins = [bisect_left(sent, commit.when.begin) for commit, _ in turns]
    noticed = True
    ranges = pairwise([*begins, len(sent)])
    for (commit, allows), (begin, end) in zip(turns, ranges, strict=True):
        reaction = _reaction(commit, allows, decisions[begin:end], noticed=noticed)
        noticed = reaction.seen_s is not None
        yield reaction


def _turns(
    before: Right, commits: Sequence[Commit], quantity: int
) -> Iterator[tuple[Commit, bool]]:
    allowed = before.allows(quantity)
    for commit in commits:
        if commit.right.allows(quantity) is not allowed:
            allowed = not allowed
            yield commit, allowed


def _reaction(
    commit: Commit, allows: bool, during: Sequence[Decision], *, noticed: bool
) -> Reaction:
    """A grant is seen once it is used; its loss once nothing is accepted any more."""
    accepted = [decision.verdict is Verdict.ACCEPTED for decision in during]
    if allows:
        place = accepted.index(True) if True in accepted else len(accepted)
    else:
        place = len(accepted) - accepted[::-1].index(True) if True in accepted else 0
    done = commit.when.end
    return Reaction(
        commit,
        allows,
        seen_s=max(0.0, during[place].when.end - done) if place < len(during) else None,
        unseen_s=max(0.0, during[place - 1].when.begin - done) if place else 0.0,
        noticed=noticed,
    )
