"""What the client itself refuses, and the refusals that come back to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from waybill.errors import StateMissing, StateTooLarge
from waybill.status import Refusal


@dataclass(frozen=True, slots=True)
class Peer:
    """A service as the client knows it."""

    name: str
    target: str

    def __str__(self) -> str:
        return f"{self.name} at {self.target}"


class CallRefused(Exception):
    """A call that came back with an error.

    `notes` is what the client knows of the call, such as the `request_id` to repeat it with.
    """

    def __init__(
        self, refusal: Refusal, peer: Peer, notes: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{refusal.reason or refusal.code.name} from {peer}: {refusal.message}")
        self.refusal = refusal
        self.peer = peer
        self.notes: Mapping[str, str] = notes or {}


class NothingKept(StateMissing):
    """The strategy needs kept pages, and none covers any product of the order. Not sent."""

    reason = "NOTHING_KEPT"
    message = "not sent: no listed page that is kept covers any of these products"


class OverBudget(StateTooLarge):
    """The state for this call is over what the path or the client's own limit allows. Not sent.

    Facts: see `waybill.errors.StateTooLarge`.
    """

    message = "not sent: the state for this order is over the budget for metadata"


class LocalFileError(Exception):
    """A file of the client's own cannot be used. `advice` says what to do about it."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class NotLoggedIn(Exception):
    """The command needs a session, and there is none (of that subject)."""


class UsageError(Exception):
    """The command line cannot be understood or contradicts itself."""
