"""A client's channel tries again what may pass, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from client.retries import CHANNEL_OPTIONS, MAX_ATTEMPTS
from shop.orders.v1.orders_pb2 import PlaceOrderRequest, PlaceOrderResponse
from shop.orders.v1.orders_pb2_grpc import (
    OrdersServiceServicer,
    OrdersServiceStub,
    add_OrdersServiceServicer_to_server,
)


def _unasked(_self: object, _request: object, _context: object) -> Any:
    raise NotImplementedError("no test here asks for it")


class Failing(OrdersServiceServicer):
    """Refuses with a code so many times, then answers."""

    GetOrder = ListOrders = _unasked  # type: ignore[assignment]  # nobody asks

    def __init__(self, code: grpc.StatusCode, times: int) -> None:
        self.code = code
        self.left = times
        self.calls = 0

    def PlaceOrder(  # noqa: N802 -- named by the contract
        self, _request: PlaceOrderRequest, context: grpc.ServicerContext
    ) -> PlaceOrderResponse:
        self.calls += 1
        if self.left:
            self.left -= 1
            context.abort(self.code, "not now")
        return PlaceOrderResponse()


@contextmanager
def calling(servicer: Failing) -> Iterator[OrdersServiceStub]:
    server = grpc.server(ThreadPoolExecutor(1))
    add_OrdersServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
            yield OrdersServiceStub(channel)
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
def test_what_may_pass_is_tried_again(code: grpc.StatusCode) -> None:
    servicer = Failing(code, times=MAX_ATTEMPTS - 1)
    with calling(servicer) as stub:
        stub.PlaceOrder(PlaceOrderRequest(request_id="once"), timeout=30)
    assert servicer.calls == MAX_ATTEMPTS


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION]
)
def test_what_would_be_repeated_is_not(code: grpc.StatusCode) -> None:
    servicer = Failing(code, times=1)
    with calling(servicer) as stub, pytest.raises(grpc.RpcError):
        stub.PlaceOrder(PlaceOrderRequest(request_id="once"), timeout=30)
    assert servicer.calls == 1
