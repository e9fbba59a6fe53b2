"""What a handler sees of its call, besides the request."""

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from waybill.metadata import REQUEST_ID, Entry, text_values

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the verified credential says."""

    subject: str
    roles: frozenset[str] = frozenset()


NOBODY = Caller("")
"""The caller of a call before its credential is verified."""


class Call(Protocol):
    """One call, after the guard let it pass. `waybill.serving.testing.FakeCall` is another."""

    @property
    def caller(self) -> Caller:
        """Who calls."""
        ...

    @property
    def metadata(self) -> Sequence[Entry]:
        """What the caller sent, in order."""
        ...

    @property
    def request_id(self) -> str:
        """The caller's `x-request-id`, or one made when first asked for."""
        ...

    def time_left_s(self) -> float | None:
        """Seconds until the caller's deadline, not below 0; None without a deadline."""
        ...

    async def send_initial_metadata(self, entries: Iterable[Entry]) -> None:
        """Send metadata ahead of the response; at most once."""
        ...

    def log_accepted(self, **facts: object) -> None:
        """Log a change of state that this call made: one line with `facts`.

        Calls that change nothing are logged at debug level, without being asked.
        """
        ...


class GuardedCall:
    """The call of a `grpc.aio` server. The guard makes one a call, so it does little at once."""

    __slots__ = ("_context", "_request_id", "accepted_facts", "caller", "metadata")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._request_id = ""
        self.caller = NOBODY
        self.metadata: Sequence[Entry] = context.invocation_metadata() or ()  # type: ignore[assignment] # a tuple on servers
        self.accepted_facts: dict[str, object] | None = None

    @property
    def request_id(self) -> str:
        if not self._request_id:
            self._request_id = request_id_of(self.metadata) or uuid.uuid4().hex
        return self._request_id

    def time_left_s(self) -> float | None:
        return self._context.time_remaining()

    async def send_initial_metadata(self, entries: Iterable[Entry]) -> None:
        await self._context.send_initial_metadata(tuple(entries))

    def log_accepted(self, **facts: object) -> None:
        self.accepted_facts = facts


def request_id_of(metadata: Sequence[Entry]) -> str:
    """The caller's request id; empty if there is none that is fit for a log."""
    values = text_values(metadata, REQUEST_ID)
    return values[0] if values and _REQUEST_ID.fullmatch(values[0]) else ""
