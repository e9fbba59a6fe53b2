"""Whether verified state was revoked before its expiry, as far as a feed of losses tells.

Plug `Revocations.check` into `waybill.expectations.Expectations.still_counts`, and tell what the
feed says. What is known to be revoked is refused in any case. What cannot be known, because the
feed is behind its bound, is refused or believed until it expires, as the terms say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any

from waybill.errors import RevocationsUnknown, StateSuperseded, StateTooLongLived
from waybill.values import VerifiedState
from waybill.watermarks import Watermarks

CLOCK_TOLERANCE_S = 1.0
"""How far in the future the last sign of life may be, in seconds, before the clock is doubted."""

NEVER = (inf, -inf)
"""From when to when what is known is current, where it is not."""


class Behind(StrEnum):
    """What to do with state while it cannot be known whether it was revoked."""

    REFUSE = "refuse"
    EXPIRY = "expiry"
    """Believe it until it expires, as without a feed."""


@dataclass(frozen=True, slots=True)
class RevocationTerms:
    """How much to remember, and how fresh that must be.

    `max_lifetime_s` is the longest that state may live, from issue to expiry; `slack_s` is how much
    longer watermarks are kept: what clocks may differ, and what reading and issuing may take.
    """

    max_lifetime_s: int
    slack_s: float = 40.0
    lag_bound_s: float = 5.0
    behind: Behind = Behind.REFUSE
    max_subjects: int = 200_000

    @property
    def retention_s(self) -> float:
        """How long watermarks are kept, and how far back a feed must begin, in seconds."""
        return self.max_lifetime_s + self.slack_s


class Revocations:
    """What is known of revocations, and how well. Belongs to one event loop.

    Attributes:
        terms: how much to remember, and how fresh that must be.
    """

    def __init__(self, terms: RevocationTerms, clock: Callable[[], float]) -> None:
        """Knows of nothing yet. `clock` gives seconds since the Unix epoch."""
        self.terms = terms
        self._clock = clock
        self._watermarks = Watermarks(
            retention_s=terms.retention_s, max_subjects=terms.max_subjects
        )
        self._complete_at: float | None = None
        self._complete = False
        # What each call asks, so that it costs a fraction of a microsecond.
        self._max_lifetime_s = terms.max_lifetime_s
        self._refuses_behind = terms.behind is Behind.REFUSE
        self._current_from, self._current_to = NEVER

    def begin(self, epoch: int, revision: int, epoch_began_at: float) -> None:
        """See `Watermarks.begin`."""
        self._watermarks.begin(epoch, revision, epoch_began_at)

    def lose(self, subject: str, revision: int) -> None:
        """`subject` lost something at `revision`: state that is older no longer counts."""
        self._watermarks.lose(subject, revision, self._clock())

    def mark_complete(self, at: float) -> None:
        """Everything up to `at` has been told, in seconds since the Unix epoch."""
        self._complete_at = at
        self._complete = True
        self._current_from = at - CLOCK_TOLERANCE_S
        self._current_to = at + self.terms.lag_bound_s
        self._watermarks.forget(self._clock())

    def mark_incomplete(self) -> None:
        """Something is known to be missing, until the next `mark_complete`."""
        self._complete = False
        self._current_from, self._current_to = NEVER

    def check(self, state: VerifiedState[Any]) -> None:
        """Return if the state still counts.

        Raises:
            waybill.errors.StateSuperseded: its subject has lost something since, or may have, or
                it belongs to an earlier history. Facts: `revision`, `min_revision`.
            waybill.errors.StateTooLongLived: it claims a longer life than the terms allow. Facts:
                `lifetime_s`, `max_lifetime_s`.
            waybill.errors.RevocationsUnknown: the feed is behind, and the terms say to refuse then.
        """
        watermarks = self._watermarks
        least = watermarks.least(state.subject)
        if state.revision < least:
            facts = {"revision": str(state.revision), "min_revision": str(least)}
            raise StateSuperseded(facts=facts)
        issue_time = state.issue_time
        if issue_time < watermarks.issued_from:
            raise StateSuperseded("issued before the history began that revisions count in")
        lifetime_s, most = state.expire_time - issue_time, self._max_lifetime_s
        if lifetime_s > most:
            facts = {"lifetime_s": str(lifetime_s), "max_lifetime_s": str(most)}
            raise StateTooLongLived(facts=facts)
        if self._refuses_behind and not self._current_from <= self._clock() <= self._current_to:
            raise RevocationsUnknown(self.problem)

    @property
    def size(self) -> int:
        """Subjects that have a watermark."""
        return len(self._watermarks)

    @property
    def lag_s(self) -> float | None:
        """Seconds since everything was last known; None if it never was."""
        return None if self._complete_at is None else self._clock() - self._complete_at

    @property
    def problem(self) -> str:
        """What is wrong with what is known; empty while it is within its bound."""
        lag_s = self.lag_s
        if lag_s is None:
            return "revocations are not known yet"
        if not self._complete:
            return "revocations are known to be missing"
        if lag_s > self.terms.lag_bound_s:
            bound_s = self.terms.lag_bound_s
            return f"revocations lag {lag_s:.1f} s, more than their bound of {bound_s:g} s"
        if lag_s < -CLOCK_TOLERANCE_S:
            return "the clock was set back since revocations were last complete"
        return ""
