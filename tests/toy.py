"""A service of toy handlers behind the real guard, on a real server on a free loopback port."""

import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from structlog.typing import FilteringBoundLogger

from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from shop.products.v1 import products_pb2, products_pb2_grpc
from waybill.errors import CredentialInvalid
from waybill.metadata import Entry
from waybill.rpc_telemetry import ServerCalls
from waybill.serving.call import Call
from waybill.serving.guard import Guard, GuardedService, Method
from waybill.serving.health import Check
from waybill.serving.identity import Authenticator
from waybill.serving.logs import make_logger
from waybill.serving.rules import RuleTable
from waybill.serving.server import running
from waybill.serving.settings import ServingSettings
from waybill.status import Refusal, error_from

RULES = (Path(__file__).parents[1] / "shop/rules.toml").read_text()
ORDERS = orders_pb2.DESCRIPTOR.services_by_name["OrdersService"]
PRODUCTS = products_pb2.DESCRIPTOR.services_by_name["ProductsService"]
ALICE: tuple[Entry, ...] = (("authorization", "Bearer alice-token"),)
ROBOT: tuple[Entry, ...] = (("authorization", "Bearer robot-token"),)
CLAIMS: Mapping[str, Mapping[str, Any]] = {
    "alice-token": {"sub": "alice"},
    "robot-token": {"sub": "robot", "roles": ["service"]},
}
GOOD = orders_pb2.PlaceOrderRequest(
    request_id="r-1", lines=[orders_pb2.OrderLine(product_id="tea", quantity=1)]
)

PlaceOrder = Callable[
    [orders_pb2.PlaceOrderRequest, Call], Awaitable[orders_pb2.PlaceOrderResponse]
]
WatchAccess = Callable[
    [products_pb2.WatchAccessRequest, Call], AsyncGenerator[products_pb2.WatchAccessResponse, None]
]


class KnownTokens:
    """Believes the tokens of CLAIMS."""

    def verify(self, token: str) -> Mapping[str, Any]:
        try:
            return CLAIMS[token]
        except KeyError:
            raise CredentialInvalid from None


@dataclass
class Lines:
    """Takes a log down."""

    stream: io.StringIO = field(default_factory=io.StringIO)

    def logger(self, level: str = "debug") -> FilteringBoundLogger:
        return make_logger(level, self.stream)

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def about(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["event"] == event]


async def accept(
    request: orders_pb2.PlaceOrderRequest, call: Call
) -> orders_pb2.PlaceOrderResponse:
    order = orders_pb2.Order(order_id=call.caller.subject, request_id=request.request_id)
    return orders_pb2.PlaceOrderResponse(order=order)


async def beat(
    request: products_pb2.WatchAccessRequest, call: Call
) -> AsyncGenerator[products_pb2.WatchAccessResponse, None]:
    for epoch in (1, 2):
        yield products_pb2.WatchAccessResponse(epoch=epoch)


async def unused(request: object, call: Call) -> orders_pb2.PlaceOrderResponse:
    raise NotImplementedError


def services(
    place: PlaceOrder = accept,
    watch: WatchAccess = beat,
    *,
    max_message_bytes: int = 1000,
    max_concurrent_calls: int = 10,
    log: FilteringBoundLogger | None = None,
    calls: ServerCalls | None = None,
) -> list[GuardedService]:
    """Both services behind one guard; what is not given is not implemented."""
    guard = Guard(
        Authenticator(KnownTokens()),
        RuleTable.from_toml(RULES),
        max_message_bytes=max_message_bytes,
        max_concurrent_calls=max_concurrent_calls,
        log=log or Lines().logger(),
        calls=calls,
    )
    orders = {m.name: Method(unused) for m in ORDERS.methods} | {"PlaceOrder": Method(place)}
    products = {m.name: Method(unused) for m in PRODUCTS.methods}
    products["WatchAccess"] = Method(watch, role="service")
    return [guard.service(ORDERS, orders), guard.service(PRODUCTS, products)]


def settings(**values: Any) -> ServingSettings:
    return ServingSettings(**{"user_keys": Path("users.json"), "drain_s": 5.0, **values})


@dataclass(frozen=True)
class Toy:
    """A client of the running toy."""

    port: int
    channel: grpc.aio.Channel
    orders: "orders_pb2_grpc.OrdersServiceAsyncStub"
    products: "products_pb2_grpc.ProductsServiceAsyncStub"


def connect(port: int) -> Toy:
    """A client with a connection of its own; the test closes its channel."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options)
    return Toy(
        port,
        channel,
        orders_pb2_grpc.OrdersServiceStub(channel),
        products_pb2_grpc.ProductsServiceStub(channel),
    )


@asynccontextmanager
async def listening(
    guarded: list[GuardedService],
    checks: Mapping[str, Check] | None = None,
    **values: Any,
) -> AsyncIterator[int]:
    """The toy's port, for a client that outlives it."""
    log, names = Lines().logger(), [ORDERS.full_name, PRODUCTS.full_name]
    async with running(settings(**values), guarded, names, checks, log=log, poll_s=0.01) as port:
        yield port


@asynccontextmanager
async def serving(
    guarded: list[GuardedService],
    checks: Mapping[str, Check] | None = None,
    **values: Any,
) -> AsyncIterator[Toy]:
    """The toy and a client of it."""
    async with listening(guarded, checks, **values) as port:
        toy = connect(port)
        async with toy.channel:
            yield toy


async def refusal(call: Awaitable[object]) -> Refusal:
    """How a call fails; an AssertionError if it doesn't."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return error_from(error)
    raise AssertionError(f"accepted: {answer}")
