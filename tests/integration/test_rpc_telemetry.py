"""Spans and durations of calls, at both ends of a real connection."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from shop.orders.v1 import orders_pb2
from shop.products.v1 import products_pb2
from tests.telemetry_kit import Observed
from tests.toy import ALICE, GOOD, ROBOT, Lines, accept, refusal, services, serving
from waybill import errors
from waybill.rpc_telemetry import UNOBSERVED, ClientCalls, ServerCalls, method_taking
from waybill.serving.call import Call

PLACE_ORDER = "shop.orders.v1.OrdersService/PlaceOrder"
WATCH = "shop.products.v1.ProductsService/WatchAccess"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
Answer = orders_pb2.PlaceOrderResponse


def ticking() -> Callable[[], float]:
    """A clock that goes on by a second whenever it is read."""
    ticks = count()
    return lambda: float(next(ticks))


@pytest.fixture
def seen() -> Observed:
    return Observed("toy")


def server(seen: Observed) -> ServerCalls:
    return ServerCalls(seen.providers, ticking())


def the_span(seen: Observed) -> ReadableSpan:
    (span,) = seen.spans
    return span


async def test_an_answered_call(seen: Observed) -> None:
    async with serving(services(calls=server(seen))) as toy:
        await toy.orders.PlaceOrder(GOOD, metadata=ALICE)
    span = the_span(seen)
    assert (span.name, span.kind) == (PLACE_ORDER, SpanKind.SERVER)
    outcome = {
        "rpc.system.name": "grpc",
        "rpc.method": PLACE_ORDER,
        "rpc.response.status_code": "OK",
    }
    assert span.attributes == outcome
    assert span.parent is None
    (point,) = seen.points("rpc.server.call.duration")
    assert (point.attributes, point.count, point.sum) == (outcome, 1, 1.0)


async def test_it_continues_the_callers_trace(seen: Observed) -> None:
    async with serving(services(calls=server(seen))) as toy:
        await toy.orders.PlaceOrder(GOOD, metadata=[*ALICE, ("traceparent", TRACEPARENT)])
    span = the_span(seen)
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE_ID
    assert span.parent is not None
    assert span.parent.is_remote


@pytest.mark.parametrize("header", ["", "nonsense", TRACEPARENT + "x" * 600, "00-" + "0" * 50])
async def test_a_trace_that_is_none_begins_a_new_one(seen: Observed, header: str) -> None:
    async with serving(services(calls=server(seen))) as toy:
        await toy.orders.PlaceOrder(GOOD, metadata=[*ALICE, ("traceparent", header)])
    assert the_span(seen).parent is None


async def test_a_refusal_is_no_fault_of_the_server(seen: Observed) -> None:
    async with serving(services(calls=server(seen))) as toy:
        await refusal(toy.orders.PlaceOrder(GOOD))
    span = the_span(seen)
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes is not None
    assert span.attributes["rpc.response.status_code"] == "UNAUTHENTICATED"
    assert span.attributes["waybill.refusal.reason"] == "CREDENTIAL_MISSING"
    assert "error.type" not in span.attributes


@pytest.mark.parametrize(
    ("raised", "code"),
    [(RuntimeError("secret"), "INTERNAL"), (errors.UpstreamUnavailable(), "UNAVAILABLE")],
)
async def test_a_fault(seen: Observed, raised: Exception, code: str) -> None:
    async def fail(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        raise raised

    async with serving(services(fail, calls=server(seen))) as toy:
        await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE))
    span = the_span(seen)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == code
    assert "secret" not in span.to_json()
    (point,) = seen.points("rpc.server.call.duration")
    assert point.attributes["error.type"] == code


async def test_a_stream_is_one_span(seen: Observed) -> None:
    async with serving(services(calls=server(seen))) as toy:
        request = products_pb2.WatchAccessRequest()
        assert len([e async for e in toy.products.WatchAccess(request, metadata=ROBOT)]) == 2
    assert the_span(seen).name == WATCH


async def test_a_caller_that_has_gone(seen: Observed) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def wait(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    async with serving(services(wait, calls=server(seen))) as toy:
        call = toy.orders.PlaceOrder(GOOD, metadata=ALICE)
        await entered.wait()
        call.cancel()
        await left.wait()
        with suppress(asyncio.CancelledError):
            await call
    span = the_span(seen)
    assert span.attributes is not None
    assert span.attributes["rpc.response.status_code"] == "CANCELLED"


async def test_log_lines_name_the_trace(seen: Observed) -> None:
    lines = Lines()
    async with serving(services(calls=server(seen), log=lines.logger())) as toy:
        await refusal(toy.orders.PlaceOrder(GOOD, metadata=[("traceparent", TRACEPARENT)]))
    (line,) = lines.about("refused")
    assert line["trace_id"] == TRACE_ID


async def test_both_ends_are_one_trace(seen: Observed) -> None:
    client = Observed("client", seen.exporter)
    calls = ClientCalls(client.providers, ticking())
    async with serving(services(calls=server(seen))) as toy:
        with calls.call(GOOD, ALICE) as metadata:
            await toy.orders.PlaceOrder(GOOD, metadata=tuple(metadata))
    inner, outer = seen.spans
    assert (outer.name, outer.kind) == (PLACE_ORDER, SpanKind.CLIENT)
    assert outer.context is not None
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    (point,) = client.points("rpc.client.call.duration")
    assert point.attributes["rpc.response.status_code"] == "OK"


async def test_a_refused_call_at_the_client(seen: Observed) -> None:
    calls = ClientCalls(seen.providers, ticking())
    async with serving(services()) as toy:
        with pytest.raises(grpc.RpcError), calls.call(GOOD, ()) as metadata:
            await toy.orders.PlaceOrder(GOOD, metadata=tuple(metadata))
    span = the_span(seen)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "UNAUTHENTICATED"


def test_a_call_that_never_was_at_the_client(seen: Observed) -> None:
    with pytest.raises(ZeroDivisionError), ClientCalls(seen.providers).call(GOOD, ()):
        raise ZeroDivisionError
    attributes = the_span(seen).attributes
    assert attributes is not None
    assert attributes["error.type"] == "ZeroDivisionError"
    assert "rpc.response.status_code" not in attributes


def test_without_providers_nothing_is_added() -> None:
    metadata = (*ALICE,)
    with UNOBSERVED.call(GOOD, metadata) as entries:
        assert entries is metadata


def test_a_guard_without_providers_does_not_wrap_handlers() -> None:
    (orders, _) = services(accept)
    (observed, _) = services(accept, calls=server(Observed("toy")))

    class Details:
        method = f"/{PLACE_ORDER}"
        invocation_metadata = ()

    bare, wrapped = (each.service(Details()) for each in (orders, observed))  # type: ignore[arg-type]
    assert "ServerCalls" not in bare.unary_unary.__qualname__  # type: ignore[union-attr]
    assert "ServerCalls" in wrapped.unary_unary.__qualname__  # type: ignore[union-attr]


@pytest.mark.parametrize("file", [orders_pb2, products_pb2])
def test_a_request_names_its_method(file: object) -> None:
    for service in file.DESCRIPTOR.services_by_name.values():  # type: ignore[attr-defined]
        for method in service.methods:
            name = f"{service.full_name}/{method.name}"
            assert method_taking(method.input_type) == name
