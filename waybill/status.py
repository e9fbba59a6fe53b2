"""The one map between errors and gRPC status, in both directions.

The rich status is `google.rpc.Status` in `grpc-status-details-bin` (AIP-193): an ErrorInfo with the
stable reason on every refusal, a BadRequest where fields break their rules, and a RequestInfo where
the request id is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from waybill import errors
from waybill.metadata import Entry

Detail = TypeVar("Detail", bound=Message)

DOMAIN = "waybill"
DETAILS_KEY = "grpc-status-details-bin"
INTERNAL_MESSAGE = "the service failed; report the request id"

CODES: Mapping[type[errors.WaybillError], grpc.StatusCode] = {
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class RefusalStatus:
    """What goes on the wire for one refusal; the arguments of `ServicerContext.abort`."""

    code: grpc.StatusCode
    message: str
    trailing_metadata: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as its caller sees it.

    `reason` is empty where the peer sent no ErrorInfo of ours: gRPC itself, or something between.
    `violations` maps field paths to what is wrong with them.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    facts: Mapping[str, str] = field(default_factory=dict)
    violations: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""


def code_of(error: errors.WaybillError) -> grpc.StatusCode:
    """The gRPC code of `error`; INTERNAL for one outside of the tree's second level."""
    return next(
        (CODES[kind] for kind in type(error).__mro__ if kind in CODES), grpc.StatusCode.INTERNAL
    )


def status_of(error: errors.WaybillError, *, request_id: str = "") -> RefusalStatus:
    """The status that tells a caller about `error`. The error's log text is not in it."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.facts)
    ]
    if isinstance(error, errors.InvalidRequest):
        details.append(_bad_request(error.violations))
    return _status(code_of(error), error.message, details, request_id)


def internal_status(*, request_id: str = "") -> RefusalStatus:
    """The status for an unexpected exception: says nothing about it but where to look."""
    info = error_details_pb2.ErrorInfo(reason=errors.WaybillError.reason, domain=DOMAIN)
    return _status(grpc.StatusCode.INTERNAL, INTERNAL_MESSAGE, [info], request_id)


def error_from(error: grpc.RpcError) -> Refusal:
    """Read a failed call, of `grpc` or `grpc.aio`.

    A status that is malformed, of another domain, or that contradicts the call's code counts as
    absent: then code and text are those of gRPC, and the reason is empty.
    """
    call = cast("grpc.Call", error)
    code, text = call.code(), call.details() or ""
    status = _rich_status(call.trailing_metadata() or ())
    if status is None or status.code != _number(code):
        return Refusal(code, "", text)
    info = _detail(status, error_details_pb2.ErrorInfo())
    if info is None or info.domain != DOMAIN:
        return Refusal(code, "", text)
    bad = _detail(status, error_details_pb2.BadRequest())
    request = _detail(status, error_details_pb2.RequestInfo())
    return Refusal(
        code,
        info.reason,
        status.message,
        dict(info.metadata),
        {v.field: v.description for v in bad.field_violations} if bad else {},
        request.request_id if request else "",
    )


def _status(
    code: grpc.StatusCode, message: str, details: list[Message], request_id: str
) -> RefusalStatus:
    if request_id:
        details.append(error_details_pb2.RequestInfo(request_id=request_id))
    status = status_pb2.Status(code=_number(code), message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return RefusalStatus(code, message, ((DETAILS_KEY, status.SerializeToString()),))


def _bad_request(violations: Mapping[str, str]) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation
    return error_details_pb2.BadRequest(
        field_violations=[violation(field=f, description=d) for f, d in violations.items()]
    )


def _number(code: grpc.StatusCode) -> int:
    return code.value[0]


def _rich_status(trailing: Iterable[Entry]) -> status_pb2.Status | None:
    values = [value for key, value in trailing if key == DETAILS_KEY and isinstance(value, bytes)]
    if len(values) != 1:
        return None
    try:
        return status_pb2.Status.FromString(values[0])
    except DecodeError:
        return None


def _detail(status: status_pb2.Status, into: Detail) -> Detail | None:
    for detail in status.details:
        if detail.Is(into.DESCRIPTOR):
            try:
                return into if detail.Unpack(into) else None
            except DecodeError:
                return None
    return None
