"""What every method refuses, over a real server."""

import asyncio
import contextlib
import errno
import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from shop.orders.v1 import orders_pb2
from shop.products.v1 import products_pb2
from tests.toy import ALICE, GOOD, ROBOT, Lines, Toy, accept, refusal, services, serving
from waybill import errors
from waybill.metadata import Entry
from waybill.serving.call import Call
from waybill.serving.logs import make_logger
from waybill.status import INTERNAL_MESSAGE

Answer = orders_pb2.PlaceOrderResponse
Event = products_pb2.WatchAccessResponse


async def unreached(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
    raise AssertionError("the guard let it pass")


async def test_accepts_and_hands_over_caller_request_and_response() -> None:
    async with serving(services()) as toy:
        answer = await toy.orders.PlaceOrder(GOOD, metadata=ALICE)
    assert answer.order == orders_pb2.Order(order_id="alice", request_id="r-1")


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "CREDENTIAL_MISSING"),
        ((*ALICE, *ALICE), "CREDENTIAL_MISSING"),
        ((*ALICE, *ROBOT), "CREDENTIAL_MISSING"),
        ((("authorization", "Basic alice-token"),), "CREDENTIAL_MISSING"),
        ((("authorization", "Bearer "),), "CREDENTIAL_MISSING"),
        ((("authorization", ""),), "CREDENTIAL_MISSING"),
        ((("authorization-bin", b"Bearer alice-token"),), "CREDENTIAL_MISSING"),
        ((("authorization", "Bearer forged"),), "CREDENTIAL_INVALID"),
        ((("authorization", "Bearer alice-token,Bearer robot-token"),), "CREDENTIAL_INVALID"),
    ],
)
async def test_refuses_without_one_good_credential(
    metadata: tuple[Entry, ...], reason: str
) -> None:
    async with serving(services(unreached)) as toy:
        refused = await refusal(toy.orders.PlaceOrder(GOOD, metadata=metadata))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)


class FullDisk(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "secret")


async def test_a_log_that_cannot_be_written_fails_no_call() -> None:
    async with serving(services(log=make_logger("debug", FullDisk()))) as toy:
        answer = await toy.orders.PlaceOrder(GOOD, metadata=ALICE)
        refused = await refusal(toy.orders.PlaceOrder(GOOD))
    assert answer.order.request_id == "r-1"
    assert refused.reason == "CREDENTIAL_MISSING"


async def test_refuses_without_the_role() -> None:
    async with serving(services()) as toy:
        stream = toy.products.WatchAccess(products_pb2.WatchAccessRequest(), metadata=ALICE)
        refused = await refusal(anext(aiter(stream)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")
    assert refused.facts == {"role": "service"}


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05ab", b"\x0a\x01\xff", b"\x08\x01\x0a"])
async def test_refuses_what_is_no_message(data: bytes) -> None:
    async with serving(services(unreached)) as toy:
        call = raw(toy)
        refused = await refusal(call(data, metadata=ALICE))
        stranger = await refusal(call(data))
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason == "REQUEST_UNDECODABLE"
    assert stranger.reason == "CREDENTIAL_MISSING"


async def test_names_the_fields_that_break_their_rules() -> None:
    line = orders_pb2.OrderLine(product_id="tea", quantity=1)
    lines = [line, line, orders_pb2.OrderLine(product_id="../x", quantity=0)]
    request = orders_pb2.PlaceOrderRequest(request_id="r 1", lines=lines, min_revision=-1)
    async with serving(services(unreached)) as toy:
        refused = await refusal(toy.orders.PlaceOrder(request, metadata=ALICE))
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason == "INVALID_REQUEST"
    assert refused.violations == {
        "request_id": "must match [A-Za-z0-9][A-Za-z0-9._-]*",
        "lines[1].product_id": "must not repeat an earlier one",
        "lines[2].product_id": "must match [A-Za-z0-9][A-Za-z0-9._-]*",
        "lines[2].quantity": "must be at least 1",
        "min_revision": "must be at least 0",
    }


async def test_refuses_messages_over_the_limit_and_far_over_it() -> None:
    async with serving(services(unreached), max_message_bytes=1000) as toy:
        call = raw(toy)
        over = await refusal(call(b"\x0a" * 1001, metadata=ALICE))
        far_over = await refusal(call(b"\x0a" * 2_000_000, metadata=ALICE))
    assert (over.code, over.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
    assert over.facts == {"bytes": "1001", "max_bytes": "1000"}
    assert (far_over.code, far_over.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "")


async def test_a_message_of_just_the_limit_is_read() -> None:
    async with serving(services(max_message_bytes=GOOD.ByteSize())) as toy:
        answer = await toy.orders.PlaceOrder(GOOD, metadata=ALICE)
    assert isinstance(answer, Answer)


async def test_refuses_calls_over_the_cap_and_takes_them_again_below_it() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        entered.set()
        await go_on.wait()
        return await accept(request, call)

    async with serving(services(wait, max_concurrent_calls=1)) as toy:
        first = asyncio.ensure_future(_await(toy.orders.PlaceOrder(GOOD, metadata=ALICE)))
        await entered.wait()
        refused = await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE))
        go_on.set()
        await first
        await toy.orders.PlaceOrder(GOOD, metadata=ALICE)
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_CALLS",
    )
    assert refused.facts == {"max_calls": "1"}


async def test_a_refused_call_frees_its_place() -> None:
    async with serving(services(max_concurrent_calls=1)) as toy:
        refused = [await refusal(toy.orders.PlaceOrder(GOOD)) for _ in range(3)]
        answer = await toy.orders.PlaceOrder(GOOD, metadata=ALICE)
    assert {each.reason for each in refused} == {"CREDENTIAL_MISSING"}
    assert isinstance(answer, Answer)


async def test_a_deadline_that_passes_cancels_the_handler_and_frees_its_place() -> None:
    cancelled = asyncio.Event()

    async def hang(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        if request.validate_only:
            return await accept(request, call)
        assert call.time_left_s()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    check = orders_pb2.PlaceOrderRequest(validate_only=True)
    check.MergeFrom(GOOD)
    async with serving(services(hang, max_concurrent_calls=1)) as toy:
        refused = await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE, timeout=0.1))
        await cancelled.wait()
        await toy.orders.PlaceOrder(check, metadata=ALICE)
    assert refused.code == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_caller_that_goes_cancels_the_handler() -> None:
    lines = Lines()
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with serving(services(hang, log=lines.logger())) as toy:
        call = toy.orders.PlaceOrder(GOOD, metadata=ALICE)
        waiting = asyncio.ensure_future(_await(call))
        await entered.wait()
        call.cancel()
        await cancelled.wait()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    assert [line["event"] for line in lines.all()] == ["cancelled"]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret"),
        asyncio.CancelledError("secret"),
        TimeoutError("secret"),
        KeyError("secret"),
        grpc.RpcError("secret"),
        UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_unexpected_exception_is_internal_and_keeps_its_text(error: BaseException) -> None:
    lines = Lines()

    async def fail(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        raise error

    metadata = (*ALICE, ("x-request-id", "req-7"))
    async with serving(services(fail, log=lines.logger())) as toy:
        refused = await refusal(toy.orders.PlaceOrder(GOOD, metadata=metadata))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert refused.message == INTERNAL_MESSAGE
    assert refused.request_id == "req-7"
    (line,) = lines.about("failed")
    assert line["request_id"] == "req-7"
    assert type(error).__name__ in line["exception"]


async def test_an_answer_that_is_no_message_is_internal() -> None:
    async def forget(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        return None  # type: ignore[return-value] # the mistake under test

    async with serving(services(forget)) as toy:
        refused = await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE))
    assert refused.code == grpc.StatusCode.INTERNAL


async def test_a_handlers_refusal_reaches_the_caller_with_its_facts() -> None:
    async def refuse(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        raise errors.NotGranted("alice wanted tea", facts={"product_ids": "tea"})

    async with serving(services(refuse)) as toy:
        refused = await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_GRANTED")
    assert refused.message == errors.NotGranted.message
    assert refused.facts == {"product_ids": "tea"}


async def test_a_handler_reads_and_sends_metadata() -> None:
    async def echo(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        sent = [(key, value) for key, value in call.metadata if key.startswith("waybill-")]
        await call.send_initial_metadata(sent)
        return Answer()

    entries = (("waybill-a", "1"), ("waybill-a", "2"), ("waybill-b-bin", b"\x00\xff"))
    async with serving(services(echo)) as toy:
        call = toy.orders.PlaceOrder(GOOD, metadata=(*ALICE, *entries))
        assert tuple(await call.initial_metadata()) == entries
        await call


async def test_streams_and_refuses_streams() -> None:
    async def break_off(
        request: products_pb2.WatchAccessRequest, call: Call
    ) -> AsyncGenerator[Event, None]:
        yield Event(epoch=1)
        raise ValueError("secret")

    async with serving(services()) as toy:
        watch = toy.products.WatchAccess(products_pb2.WatchAccessRequest(), metadata=ROBOT)
        assert [event.epoch async for event in watch] == [1, 2]
        bad = products_pb2.WatchAccessRequest(resume_revision=-1)
        refused = await refusal(anext(aiter(toy.products.WatchAccess(bad, metadata=ROBOT))))
        assert refused.violations == {"resume_revision": "must be at least 0"}
    async with serving(services(watch=break_off)) as toy:
        watch = toy.products.WatchAccess(products_pb2.WatchAccessRequest(), metadata=ROBOT)
        events = aiter(watch)
        assert (await anext(events)).epoch == 1
        broken = await refusal(anext(events))
    assert (broken.code, broken.message) == (grpc.StatusCode.INTERNAL, INTERNAL_MESSAGE)


async def test_leaving_a_stream_closes_its_handler_and_frees_its_place() -> None:
    closed = asyncio.Event()

    async def forever(
        request: products_pb2.WatchAccessRequest, call: Call
    ) -> AsyncGenerator[Event, None]:
        try:
            yield Event(epoch=1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with serving(services(watch=forever, max_concurrent_calls=1)) as toy:
        watch = toy.products.WatchAccess(products_pb2.WatchAccessRequest(), metadata=ROBOT)
        await anext(aiter(watch))
        watch.cancel()
        await closed.wait()
        answer = await toy.orders.PlaceOrder(GOOD, metadata=ALICE)
    assert isinstance(answer, Answer)


class Spent(Exception):
    """The abort of a call; its first argument is the code."""


@dataclass
class Late:
    """A call whose time is up and whose caller waits all the same: details and context in one."""

    method: str = "/shop.products.v1.ProductsService/WatchAccess"

    def invocation_metadata(self) -> tuple[Entry, ...]:
        return ROBOT

    def time_remaining(self) -> float | None:
        return 0.0

    async def abort(self, *status: object) -> None:
        raise Spent(*status)


async def test_a_deadline_that_is_spent_before_work_is_refused() -> None:
    lines = Lines()
    _, guarded = services(log=lines.logger())
    call: Any = Late()
    watch: Any = guarded.service(call)
    with pytest.raises(Spent) as refused:
        await watch.unary_stream(b"", call)
    assert refused.value.args[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    (line,) = lines.about("refused")
    assert line["reason"] == "DEADLINE_SPENT"


class Left(Late):
    """The call of a caller who has left, before gRPC cancels it."""

    def time_remaining(self) -> None:
        return None

    async def write(self, _data: bytes) -> None:
        raise grpc.aio.InternalError('Failed "execute_batch"')

    async def abort(self, *_status: object) -> None:
        raise AssertionError("nobody is there to be told")


async def test_leaving_in_the_middle_of_a_write_is_no_failure() -> None:
    lines, closed = Lines(), asyncio.Event()

    async def forever(
        request: products_pb2.WatchAccessRequest, call: Call
    ) -> AsyncGenerator[Event, None]:
        try:
            while True:
                yield Event(epoch=1)
        finally:
            closed.set()

    _, guarded = services(watch=forever, log=lines.logger())
    call: Any = Left()
    watch: Any = guarded.service(call)
    with pytest.raises(asyncio.CancelledError):
        await watch.unary_stream(b"", call)
    assert closed.is_set()
    assert [line["event"] for line in lines.all()] == ["cancelled"]


async def test_logs_refusals_and_changes_with_the_request_id_and_never_a_token() -> None:
    lines = Lines()

    async def place(request: orders_pb2.PlaceOrderRequest, call: Call) -> Answer:
        if not request.validate_only:
            call.log_accepted(order_id="o-1")
        return Answer()

    check = orders_pb2.PlaceOrderRequest(validate_only=True)
    check.MergeFrom(GOOD)
    metadata = (*ALICE, ("x-request-id", "req-7"))
    async with serving(services(place, log=lines.logger())) as toy:
        await toy.orders.PlaceOrder(GOOD, metadata=metadata)
        await toy.orders.PlaceOrder(check, metadata=metadata)
        refused = await refusal(
            toy.orders.PlaceOrder(orders_pb2.PlaceOrderRequest(), metadata=ALICE)
        )
    changed, read, no = lines.all()
    method = {"method": "shop.orders.v1.OrdersService.PlaceOrder", "subject": "alice"}
    assert changed.items() >= {**method, "level": "info", "order_id": "o-1"}.items()
    assert read.items() >= {**method, "level": "debug", "request_id": "req-7"}.items()
    assert no.items() >= {**method, "level": "info", "reason": "INVALID_REQUEST"}.items()
    assert no["request_id"] == refused.request_id != ""
    assert "alice-token" not in lines.stream.getvalue()


def raw(toy: Toy) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """PlaceOrder without a serialiser."""
    return toy.channel.unary_unary("/shop.orders.v1.OrdersService/PlaceOrder")


async def _await(call: grpc.aio.UnaryUnaryCall[orders_pb2.PlaceOrderRequest, Answer]) -> Answer:
    return await call
