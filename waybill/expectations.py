"""What a reader expects of anything signed for it: whose it is, for whom, and when it holds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from waybill.errors import StateSuperseded, SubjectMismatch
from waybill.refusals import STATE_REFUSALS, Refusals
from waybill.values import State, VerifiedState

Content = TypeVar("Content")

DEFAULT_LEEWAY_S = 5
MAX_INTEGER = 2**53
"""Integers of tokens stay below, so that every JSON reader sees the same one (RFC 7493)."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """Expected issuer and audience, and a clock with leeway for other clocks.

    `clock` gives seconds since the Unix epoch; `leeway_s` is added to an expiry, and to the clock
    where a time may not lie in the future. `refusals` are those of carried state unless said
    otherwise. `still_counts` raises where verified state was revoked before its expiry, such as
    `waybill.revocation.Revocations.check`; without it, state counts until it expires. One value
    serves all readers of a service.
    """

    issuer: str
    audience: str
    clock: Callable[[], float] = time.time
    leeway_s: int = DEFAULT_LEEWAY_S
    refusals: Refusals = STATE_REFUSALS
    still_counts: Callable[[VerifiedState[Any]], None] | None = None

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise ValueError("an issuer and an audience must be expected")
        if self.leeway_s < 0:
            raise ValueError("leeway must not be negative")

    def check_parties(self, issuer: object, audience: object) -> None:
        """The issuer is the expected one; the audience is, or names it (RFC 7519, section 4.1.3).

        Raises:
            WaybillError: `refusals.invalid`.
        """
        if issuer != self.issuer:
            raise self.refusals.invalid("another issuer")
        audiences = audience if isinstance(audience, list) else [audience]
        if not all(isinstance(name, str) for name in audiences) or self.audience not in audiences:
            raise self.refusals.invalid("another audience")

    def check_times(self, issue_time: object, expire_time: object, not_before: object = 0) -> None:
        """The times are whole seconds, and now is between them.

        Raises:
            WaybillError: `refusals.invalid` for a malformed time or one that is still to come,
                `refusals.expired` from the expiry on, leeway included.
        """
        latest = self.clock() + self.leeway_s
        if self.integer(issue_time) > latest or self.integer(not_before) > latest:
            raise self.refusals.invalid("not valid yet")
        if self.is_past(self.integer(expire_time)):
            raise self.refusals.expired

    def integer(self, value: object) -> int:
        """`value` as an int from 0 to 2**53 - 1; a bool, float or text is none.

        Raises:
            WaybillError: `refusals.invalid`.
        """
        if type(value) is int and 0 <= value < MAX_INTEGER:
            return value
        raise self.refusals.invalid("a time or revision that is no sane integer")

    def is_past(self, expire_time: int) -> bool:
        """Whether `expire_time` has come, leeway included."""
        return self.clock() >= expire_time + self.leeway_s

    def verified(self, state: State[Content]) -> VerifiedState[Content]:
        """`state`, whose signature held, as one that may be acted upon.

        Raises:
            WaybillError: as `check_parties` and `check_times`.
        """
        self.check_parties(state.issuer, state.audience)
        self.check_times(state.issue_time, state.expire_time)
        if not state.subject:
            raise self.refusals.invalid("no subject")
        return VerifiedState(
            state.issuer,
            state.audience,
            state.subject,
            self.integer(state.revision),
            state.issue_time,
            state.expire_time,
            state.content,
            state.minted_in,
        )

    def check_call(self, state: VerifiedState[Content], *, subject: str, min_revision: int) -> None:
        """The state serves this call: it is the caller's, new enough, and not revoked.

        Raises:
            waybill.errors.SubjectMismatch: it is another subject's.
            waybill.errors.StateSuperseded: it is older than `min_revision`. Facts: both revisions.
            WaybillError: whatever `still_counts` raises.
        """
        if state.subject != subject:
            raise SubjectMismatch
        if state.revision < min_revision:
            facts = {"revision": str(state.revision), "min_revision": str(min_revision)}
            raise StateSuperseded(facts=facts)
        if self.still_counts is not None:
            self.still_counts(state)
