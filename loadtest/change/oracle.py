"""Says of every decision whether it can have been right. Pure: no I/O, no clock.

What is known are intervals of one monotonic clock. A change was committed at some moment between
its request and its acknowledgement, and an order was decided at some moment between its sending and
its answer. A decision is wrong only if no choice of these moments makes it right, and its age is
the shortest that any choice allows: how long before the order was sent the last moment can have
been at which the decision was right. So nothing is reported that a scheduler or a network could
explain, and whatever is reported has happened.

Revisions narrow the intervals: the products service numbers changes in the order in which they are
committed, so a change with a higher revision was not committed before one with a lower.

Whether a strategy may be wrong for that long is what its bounds say. They hold for every change
that a decision leaves out, not only for the oldest: state that says nothing of a narrowed grant for
five minutes may still have to know of a revocation within a second.
A decision is beyond the bounds if they allow no earlier right as its cause.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple


class Interval(NamedTuple):
    """From `begin` to `end`, both included, in seconds of one monotonic clock."""

    begin: float
    end: float


class Key(NamedTuple):
    """What a right is about."""

    subject: str
    product_id: str


@dataclass(frozen=True, slots=True)
class Right:
    """Whether and up to which quantity a product may be ordered; `maximum` 0 means no maximum."""

    granted: bool
    maximum: int = 0

    def allows(self, quantity: int) -> bool:
        """Whether so many may be ordered."""
        return self.granted and (not self.maximum or quantity <= self.maximum)


NONE = Right(granted=False)
"""Not granted."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One change: from `when` on, `key` has `right`.

    `revision` None is for a change whose own revision is not known, as after a retry.
    """

    key: Key
    right: Right
    when: Interval
    revision: int | None = None


class Verdict(StrEnum):
    """What an order was answered."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Not granted, or not for this quantity."""
    UNDECIDED = "undecided"
    """Refused because the service could not know, or the caller showed nothing that counts."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One order's outcome."""

    key: Key
    quantity: int
    when: Interval
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a strategy may leave a change out of its decisions; seconds, by kind of change."""

    revoked_s: float
    """A right that was taken away."""
    narrowed_s: float
    """A maximum quantity that became too low."""
    granted_s: float
    """A right that was given, unknown to what is remembered of a time without any."""
    widened_s: float
    """A right that was given or became wide enough, unknown to what is remembered of a time with
    too low a maximum quantity."""

    def of(self, remembered: Right, changed: Right, quantity: int) -> float:
        """For a decision as of `remembered` that leaves out a change to `changed`."""
        if not changed.granted:
            return self.revoked_s
        if not changed.allows(quantity):
            return self.narrowed_s
        return self.widened_s if remembered.granted else self.granted_s


class Finding(StrEnum):
    """What a decision was."""

    RIGHT = "right"
    STALE_ACCEPT = "stale accept"
    STALE_REFUSAL = "stale refusal"
    UNDECIDED = "undecided"
    NEVER_GRANTED = "never granted"
    """Accepted without any right, now or ever before."""
    NEVER_REFUSABLE = "never refusable"
    """Refused though there was a right all the time."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of one decision."""

    finding: Finding
    age_s: float = 0.0
    """Of a stale decision: how long before its order was sent it was right for the last time."""
    broken: bool = False
    """Beyond the strategy's bounds."""


class Contradiction(ValueError):
    """Revisions do not rise with time: what was recorded cannot have happened."""


@dataclass(frozen=True, slots=True)
class _History:
    """One key's rights, and when each of the changes between them was committed."""

    rights: Sequence[Right]
    """One more than there are changes: the first held before them."""
    begins: Sequence[float]
    ends: Sequence[float]

    def reach(self, when: Interval) -> tuple[int, int]:
        """The places of the first and the last right that may have held during `when`."""
        return bisect_left(self.ends, when.begin), bisect_right(self.begins, when.end)


class Oracle:
    """Knows all changes, and judges decisions.

    Args:
        before: the rights that held before the first change; a key that is absent had none.
        commits: those of each key in the order in which they were made.

    Raises:
        Contradiction: no moments fit the intervals and the revisions.
    """

    def __init__(self, before: Mapping[Key, Right], commits: Iterable[Commit]) -> None:
        self._before = before
        commits = list(commits)
        by_key: defaultdict[Key, list[tuple[Right, Interval]]] = defaultdict(list)
        for commit, when in zip(commits, _narrowed(commits), strict=True):
            by_key[commit.key].append((commit.right, when))
        self._histories = {key: self._history(key, made) for key, made in by_key.items()}

    def _history(self, key: Key, made: Sequence[tuple[Right, Interval]]) -> _History:
        whens = _ordered([when for _, when in made])
        rights = [self._before.get(key, NONE), *(right for right, _ in made)]
        return _History(rights, [when.begin for when in whens], [when.end for when in whens])

    def judge(self, decision: Decision, bounds: Bounds) -> Judgement:
        """Whether `decision` was right, and if not, for how long it had not been."""
        if decision.verdict is Verdict.UNDECIDED:
            return Judgement(Finding.UNDECIDED)
        accepted = decision.verdict is Verdict.ACCEPTED
        history = self._histories.get(decision.key) or self._history(decision.key, [])
        surely, perhaps = history.reach(decision.when)
        fits = [right.allows(decision.quantity) is accepted for right in history.rights]
        if any(fits[surely : perhaps + 1]):
            return Judgement(Finding.RIGHT)
        # Latest first: the shortest age, and the one that most bounds allow.
        causes = [place for place in range(surely - 1, -1, -1) if fits[place]]
        if not causes:
            never = Finding.NEVER_GRANTED if accepted else Finding.NEVER_REFUSABLE
            return Judgement(never, broken=True)
        return Judgement(
            Finding.STALE_ACCEPT if accepted else Finding.STALE_REFUSAL,
            age_s=decision.when.begin - history.ends[causes[0]],
            broken=not any(_explains(cause, history, decision, bounds) for cause in causes),
        )


def _explains(cause: int, history: _History, decision: Decision, bounds: Bounds) -> bool:
    """Whether the bounds allow a decision as of the right at place `cause`."""
    sent, remembered = decision.when.begin, history.rights[cause]
    surely, _ = history.reach(decision.when)
    return all(
        sent - history.ends[place - 1]
        <= bounds.of(remembered, history.rights[place], decision.quantity)
        for place in range(cause + 1, surely + 1)
    )


def _narrowed(commits: Sequence[Commit]) -> list[Interval]:
    """When each was committed, as far as all revisions tell."""
    numbered = [place for place, commit in enumerate(commits) if commit.revision is not None]
    numbered.sort(key=lambda place: commits[place].revision or 0)
    whens = [commit.when for commit in commits]
    for place, when in zip(numbered, _ordered([whens[p] for p in numbered]), strict=True):
        whens[place] = when
    return whens


def _ordered(whens: Sequence[Interval]) -> list[Interval]:
    """The same intervals, less what contradicts that one moment follows another.

    Raises:
        Contradiction: nothing is left of one.
    """
    begins = accumulate((when.begin for when in whens), max)
    ends = reversed(list(accumulate((when.end for when in reversed(whens)), min)))
    ordered = [Interval(begin, end) for begin, end in zip(begins, ends, strict=True)]
    for when in ordered:
        if when.begin > when.end:
            raise Contradiction("a change with a higher revision was over before a lower began")
    return ordered
