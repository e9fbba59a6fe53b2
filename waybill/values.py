"""State in flight, and state after the check: two types, so that they cannot be confused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from opentelemetry.trace import SpanContext

from waybill.metadata import Entry, size_bytes
from waybill.v1.envelope_pb2 import Envelope
from waybill.v1.page_proof_pb2 import PageProof

Content_co = TypeVar("Content_co", covariant=True)


@dataclass(frozen=True, slots=True)
class CarriedState:
    """State as bytes in flight, believed by nobody yet.

    A strategy uses metadata entries, envelopes, page proofs, or nothing.
    """

    metadata: tuple[Entry, ...] = ()
    envelopes: tuple[Envelope, ...] = ()
    proofs: tuple[PageProof, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Bytes that it adds to a call, before compression: header list size and messages."""
        in_messages = sum(each.ByteSize() for each in (*self.envelopes, *self.proofs))
        return size_bytes(self.metadata) + in_messages

    def __add__(self, other: "CarriedState") -> "CarriedState":
        return CarriedState(
            self.metadata + other.metadata,
            self.envelopes + other.envelopes,
            self.proofs + other.proofs,
        )


@dataclass(frozen=True, slots=True)
class State(Generic[Content_co]):
    """What a signed state says, once decoded. Times are whole seconds since the Unix epoch.

    `minted_in` is the span under which it was issued, where that was traced.
    """

    issuer: str
    audience: str
    subject: str
    revision: int
    issue_time: int
    expire_time: int
    content: Content_co
    minted_in: SpanContext | None = None


@dataclass(frozen=True, slots=True)
class VerifiedState(State[Content_co]):
    """State whose signature and expectations held. Only `waybill.expectations` makes one."""


OnRead = Callable[[VerifiedState[Any], int], None]
"""Told of each state that a call relies on, and of its version, once all checks have passed."""


def unnoticed(state: VerifiedState[Any], version: int) -> None:
    """The `OnRead` that tells nobody."""
