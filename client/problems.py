"""Every failure as one value, ready to be shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc

from client import exits
from client.advice import advice_for
from client.errors import CallRefused, LocalFileError, NotLoggedIn, UsageError
from waybill.errors import InvalidRequest, WaybillError
from waybill.status import Refusal, code_of

UNEXPLAINED: tuple[tuple[re.Pattern[str], str], ...] = (
    # C-core: "received metadata size exceeds soft limit (9539 vs. 8192)", perhaps wrapped
    (re.compile("metadata size exceeds"), "METADATA_TOO_LARGE"),
    # proxies: 431 Request Header Fields Too Large (RFC 6585), as C-core reports it
    (re.compile("http2 header with status: 431"), "METADATA_TOO_LARGE"),
    # C-core: "SERVER: Received message larger than max (5000005 vs. 4194304)"
    (re.compile("message larger than max"), "MESSAGE_TOO_LARGE"),
)
"""Texts of gRPC and of hops, which send no ErrorInfo of ours."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What happened and what to do.

    `code` is empty for failures that are none of gRPC's; `peer` is who refused, empty where the
    client itself did; `facts` and `violations` name what to look at.
    """

    reason: str
    message: str
    advice: str
    exit_code: int
    code: str = ""
    peer: str = ""
    request_id: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    violations: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """The problem for machines."""
        return {
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "advice": self.advice,
            "peer": self.peer,
            "x_request_id": self.request_id,
            "facts": dict(self.facts),
            "violations": dict(self.violations),
            "exit_code": self.exit_code,
        }


def problem_of(error: Exception) -> Problem | None:
    """The problem that `error` is; None for an exception that nobody foresaw."""
    match error:
        case CallRefused():
            return _refused(error)
        case WaybillError():
            return _not_sent(error)
        case LocalFileError():
            return Problem("LOCAL_FILE", str(error), error.advice, exits.OTHER)
        case NotLoggedIn():
            return _own("NOT_LOGGED_IN", str(error), grpc.StatusCode.UNAUTHENTICATED)
        case UsageError():
            advice = advice_for("USAGE", grpc.StatusCode.INVALID_ARGUMENT)
            return Problem("USAGE", str(error), advice, exits.USAGE)
        case _:
            return None


def reason_of(refusal: Refusal) -> str:
    """The reason that came with the refusal, or what its text betrays; empty where unknown."""
    found = (reason for pattern, reason in UNEXPLAINED if pattern.search(refusal.message))
    return refusal.reason or next(found, "")


def _refused(error: CallRefused) -> Problem:
    refusal = error.refusal
    reason = reason_of(refusal)
    return Problem(
        reason=reason,
        message=refusal.message,
        advice=advice_for(reason, refusal.code, error.notes.get("request_id", "")),
        exit_code=exits.exit_code(refusal.code),
        code=refusal.code.name,
        peer=str(error.peer),
        request_id=refusal.request_id,
        facts=dict(sorted({**refusal.facts, **error.notes}.items())),  # a map has no order
        violations=refusal.violations,
    )


def _not_sent(error: WaybillError) -> Problem:
    code = code_of(error)
    return Problem(
        reason=error.reason,
        message=error.message,
        advice=advice_for(error.reason, code),
        exit_code=exits.exit_code(code),
        code=code.name,
        facts=error.facts,
        violations=error.violations if isinstance(error, InvalidRequest) else {},
    )


def _own(reason: str, message: str, code: grpc.StatusCode) -> Problem:
    return Problem(reason, message, advice_for(reason, code), exits.exit_code(code), code.name)
