"""What a probing client is asked to do, and what it saw: one line of JSON each way."""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loadtest.limits.entries import Pair

PROBE_METHOD = "/waybill.lab.v1.Probe/Echo"
HEALTH_METHOD = "/grpc.health.v1.Health/Check"


@dataclass(frozen=True, slots=True)
class Ask:
    """One call, or `times` equal ones at once on one connection. Sizes are bytes of each value."""

    request: tuple[int, ...] = ()
    initial: tuple[int, ...] = ()
    trailing: tuple[int, ...] = ()
    method: str = PROBE_METHOD
    extra: tuple[Pair, ...] = ()
    first: bool = False
    """On a connection of its own, sent before the other side's settings are known."""
    times: int = 1
    innocents: int = 0
    """Small calls that are in flight on the same connection meanwhile (probe service only)."""
    deadline_s: float = 3.0

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Ask":
        """Raises ValueError or TypeError for anything that `to_json` did not make."""
        found: dict[str, Any] = json.loads(text)
        for key in ("request", "initial", "trailing"):
            found[key] = tuple(found[key])
        found["extra"] = tuple((name, value) for name, value in found["extra"])
        return cls(**found)


class End(StrEnum):
    """How a call ended, as its caller saw it."""

    ANSWERED = "answered"  # with an HTTP status, and for gRPC with a grpc-status
    RESET = "reset"  # RST_STREAM; other calls of the connection live on
    GOAWAY = "goaway"  # the connection was given up with a GOAWAY frame
    CLOSED = "closed"  # the connection ended without a word
    HUNG = "hung"  # nothing within the deadline
    DIED = "died"  # the client's process ended
    UNSENT = "unsent"  # the client's own library refused to send


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call saw. Codes are of HTTP, gRPC and HTTP/2 errors; None where there is none."""

    end: End
    http: int | None = None
    grpc: int | None = None
    error: int | None = None
    text: str = ""
    intact: bool | None = None
    """Whether all probe entries arrived unchanged both ways; None where nobody can tell."""
    held_ms: float = 0.0
    request_bytes: int = 0
    """Header list size of the request as sent, pseudo headers included."""
    request_entries: int = 0
    initial_bytes: int = 0
    initial_entries: int = 0
    trailing_bytes: int = 0
    trailing_entries: int = 0
    innocents_lost: int = 0
    innocents: int = 0
    connection_lost: bool = False
    settings: tuple[tuple[int, int], ...] = ()
    """What the other side announced: numbers of RFC 9113, section 6.5.2; 6 is the header list."""

    @property
    def passed(self) -> bool:
        """The call succeeded and nothing was lost."""
        return self.grpc == 0 and self.intact is not False

    @property
    def silently_altered(self) -> bool:
        """The worst kind: the call says OK, and metadata is missing or cut."""
        return self.grpc == 0 and self.intact is False

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Outcome":
        """Raises KeyError, ValueError or TypeError for anything that `to_json` did not make."""
        settings = tuple((code, value) for code, value in found["settings"])
        return cls(**{**found, "end": End(found["end"]), "settings": settings})
