"""The map between errors and status, there and back."""

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from waybill import errors
from waybill.metadata import Entry
from waybill.status import (
    CODES,
    DETAILS_KEY,
    INTERNAL_MESSAGE,
    Refusal,
    code_of,
    error_from,
    internal_status,
    status_of,
)


def leaves(kind: type[errors.WaybillError]) -> list[type[errors.WaybillError]]:
    below = kind.__subclasses__()
    return [leaf for each in below for leaf in leaves(each)] if below else [kind]


LEAVES = leaves(errors.WaybillError)


def made(kind: type[errors.WaybillError]) -> errors.WaybillError:
    if issubclass(kind, errors.InvalidRequest):
        return kind({"lines[0].quantity": "must be at least 1"})
    return kind("only for logs", facts={"max_bytes": "7"})


def received(
    code: grpc.StatusCode, message: str | None, trailing: tuple[Entry, ...] = ()
) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, None, grpc.aio.Metadata(*trailing), message)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_what_it_was(kind: type[errors.WaybillError]) -> None:
    error = made(kind)
    status = status_of(error, request_id="req-7")
    refusal = error_from(received(status.code, status.message, status.trailing_metadata))
    assert refusal.code == code_of(error) != grpc.StatusCode.INTERNAL
    assert (refusal.reason, refusal.message) == (kind.reason, kind.message)
    assert refusal.facts == error.facts
    assert refusal.request_id == "req-7"
    assert bool(refusal.violations) == (kind is errors.InvalidRequest)
    assert b"only for logs" not in repr(status.trailing_metadata).encode()


def test_reasons_are_of_one_error_each() -> None:
    reasons = [kind.reason for kind in LEAVES]
    assert len(set(reasons)) == len(reasons)
    assert errors.WaybillError.reason not in reasons


def test_the_second_level_of_the_tree_is_the_map() -> None:
    assert set(CODES) == set(errors.WaybillError.__subclasses__())
    assert len(set(CODES.values())) == len(CODES)


def test_an_error_outside_of_the_second_level_is_internal() -> None:
    assert code_of(errors.WaybillError()) == grpc.StatusCode.INTERNAL


def test_internal_says_nothing_but_the_request_id() -> None:
    status = internal_status(request_id="req-7")
    refusal = error_from(received(status.code, status.message, status.trailing_metadata))
    assert refusal == Refusal(
        grpc.StatusCode.INTERNAL, "INTERNAL", INTERNAL_MESSAGE, request_id="req-7"
    )


def rich(code: int, *details: bytes, domain: str = "waybill") -> tuple[Entry, ...]:
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason="R", domain=domain))
    status = status_pb2.Status(code=code, message="ours", details=[info])
    for detail in details:
        status.details.add(type_url=f"type.googleapis.com/{BAD_REQUEST}", value=detail)
    return ((DETAILS_KEY, status.SerializeToString()),)


BAD_REQUEST = error_details_pb2.BadRequest.DESCRIPTOR.full_name
UNAVAILABLE = code_pb2.UNAVAILABLE


@pytest.mark.parametrize(
    "trailing",
    [
        (),
        ((DETAILS_KEY, b"\xff"),),
        rich(UNAVAILABLE, domain="googleapis.com"),
        rich(code_pb2.OK),
        rich(code_pb2.NOT_FOUND),
        (*rich(UNAVAILABLE), *rich(UNAVAILABLE)),
    ],
)
def test_what_is_not_ours_keeps_grpcs_code_and_text(trailing: tuple[Entry, ...]) -> None:
    error = received(grpc.StatusCode.UNAVAILABLE, "connection refused", trailing)
    assert error_from(error) == Refusal(grpc.StatusCode.UNAVAILABLE, "", "connection refused")


def test_a_malformed_detail_counts_as_absent() -> None:
    error = received(grpc.StatusCode.UNAVAILABLE, "text", rich(UNAVAILABLE, b"\xff"))
    assert error_from(error) == Refusal(grpc.StatusCode.UNAVAILABLE, "R", "ours")


def test_an_error_without_metadata_or_text_is_read() -> None:
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNKNOWN)
    assert error_from(error) == Refusal(grpc.StatusCode.UNKNOWN, "", "")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(details: bytes) -> None:
    error = received(grpc.StatusCode.UNAVAILABLE, "text", ((DETAILS_KEY, details),))
    assert error_from(error).code == grpc.StatusCode.UNAVAILABLE
