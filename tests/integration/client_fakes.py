"""Both services as fakes on real sockets: they record what came, and answer what they are told."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from shop.orders.v1 import orders_pb2
from shop.orders.v1.orders_pb2_grpc import (
    OrdersServiceServicer,
    add_OrdersServiceServicer_to_server,
)
from shop.products.v1 import products_pb2
from shop.products.v1.products_pb2_grpc import (
    ProductsServiceServicer,
    add_ProductsServiceServicer_to_server,
)
from shop.state.v2.state_pb2 import AccessState, Grant
from waybill.errors import WaybillError
from waybill.status import status_of
from waybill.testing import FakeClock
from waybill.v1.envelope_pb2 import Envelope, Signature

REVISION = 17
STATE_TTL_S = 300


@dataclass(frozen=True)
class Received:
    """One call as a service saw it."""

    method: str
    request: Message
    metadata: Mapping[str, list[str]]


@dataclass
class Script:
    """What the fakes do next, and what they have seen."""

    clock: FakeClock
    catalogue: list[str] = field(default_factory=lambda: [f"sku-{n}" for n in range(1, 6)])
    received: list[Received] = field(default_factory=list)
    refusal: WaybillError | None = None
    refuse_from_call: int = 0
    raw_refusal: tuple[grpc.StatusCode, str] | None = None
    may_answer: threading.Event = field(default_factory=threading.Event)

    def note(self, method: str, request: Message, context: grpc.ServicerContext) -> None:
        metadata: dict[str, list[str]] = {}
        for key, value in context.invocation_metadata():
            metadata.setdefault(key, []).append(str(value))
        self.received.append(Received(method, request, metadata))
        self.may_answer.wait()
        if len(self.received) > self.refuse_from_call:
            self._refuse(context)

    def _refuse(self, context: grpc.ServicerContext) -> None:
        if self.raw_refusal:
            context.abort(*self.raw_refusal)
        if self.refusal:
            status = status_of(self.refusal, request_id="call-1")
            context.set_trailing_metadata(status.trailing_metadata)
            context.abort(status.code, status.message)


class FakeProducts(ProductsServiceServicer):
    def __init__(self, script: Script) -> None:
        self._script = script

    def ListProducts(  # noqa: N802 - the contract's name
        self, request: products_pb2.ListProductsRequest, context: grpc.ServicerContext
    ) -> products_pb2.ListProductsResponse:
        self._script.note("ListProducts", request, context)
        start = int(request.page_token or 0)
        end = start + (request.page_size or 3)
        ids = self._script.catalogue[start:end]
        strategy = dict(context.invocation_metadata())["waybill-strategy"]
        if strategy == "metadata-jwt":
            context.send_initial_metadata((("waybill-state-v2", self._token(ids)),))
        return products_pb2.ListProductsResponse(
            products=[_product(product_id) for product_id in ids],
            next_page_token=str(end) if end < len(self._script.catalogue) else "",
            revision=REVISION,
            state=[self._envelope(ids)] if strategy == "message-field" else [],
        )

    def GetProduct(  # noqa: N802
        self, request: products_pb2.GetProductRequest, context: grpc.ServicerContext
    ) -> products_pb2.GetProductResponse:
        self._script.note("GetProduct", request, context)
        return products_pb2.GetProductResponse(
            product=_product(request.product_id), revision=REVISION
        )

    def GrantAccess(  # noqa: N802
        self, request: products_pb2.GrantAccessRequest, context: grpc.ServicerContext
    ) -> products_pb2.GrantAccessResponse:
        self._script.note("GrantAccess", request, context)
        return products_pb2.GrantAccessResponse(revision=REVISION + 1)

    def RevokeAccess(  # noqa: N802
        self, request: products_pb2.RevokeAccessRequest, context: grpc.ServicerContext
    ) -> products_pb2.RevokeAccessResponse:
        self._script.note("RevokeAccess", request, context)
        return products_pb2.RevokeAccessResponse(revision=REVISION + 2)

    CheckAccess = WatchAccess = GetProduct  # type: ignore[assignment]  # services only: no client

    def _token(self, ids: list[str]) -> str:
        now = int(self._script.clock())
        claims = {
            "iss": "products",
            "aud": "orders",
            "sub": "alice",
            "iat": now,
            "exp": now + STATE_TTL_S,
            "rev": REVISION,
            "grants": [[product_id, 5, 12_500_000] for product_id in ids],
        }
        return ".".join(_base64url(part) for part in ({"alg": "EdDSA"}, claims, "signature"))

    def _envelope(self, ids: list[str]) -> Envelope:
        now = int(self._script.clock())
        state = AccessState(
            issuer="products",
            audience="orders",
            subject="alice",
            revision=REVISION,
            issue_time=Timestamp(seconds=now),
            expire_time=Timestamp(seconds=now + STATE_TTL_S),
            grants=[Grant(product_id=p, max_quantity=5, unit_price_micros=12_500_000) for p in ids],
        )
        return Envelope(
            payload_type="shop.state.v2.AccessState",
            payload=state.SerializeToString(),
            signatures=[Signature(key_id="key", signature=bytes(64))],
        )


class FakeOrders(OrdersServiceServicer):
    def __init__(self, script: Script) -> None:
        self._script = script

    def PlaceOrder(  # noqa: N802
        self, request: orders_pb2.PlaceOrderRequest, context: grpc.ServicerContext
    ) -> orders_pb2.PlaceOrderResponse:
        self._script.note("PlaceOrder", request, context)
        strategy = dict(context.invocation_metadata())["waybill-strategy"]
        return orders_pb2.PlaceOrderResponse(
            order=orders_pb2.Order(
                order_id="" if request.validate_only else "order-1",
                request_id=request.request_id,
                lines=[_placed(line) for line in request.lines],
                create_time=Timestamp(seconds=int(self._script.clock())),
                strategy=str(strategy),
            )
        )

    def GetOrder(  # noqa: N802
        self, request: orders_pb2.GetOrderRequest, context: grpc.ServicerContext
    ) -> orders_pb2.GetOrderResponse:
        self._script.note("GetOrder", request, context)
        return orders_pb2.GetOrderResponse(order=self._order(request.order_id))

    def ListOrders(  # noqa: N802
        self, request: orders_pb2.ListOrdersRequest, context: grpc.ServicerContext
    ) -> orders_pb2.ListOrdersResponse:
        self._script.note("ListOrders", request, context)
        if request.page_token:
            return orders_pb2.ListOrdersResponse(orders=[self._order("order-1")])
        return orders_pb2.ListOrdersResponse(orders=[self._order("order-2")], next_page_token="1")

    def _order(self, order_id: str) -> orders_pb2.Order:
        line = orders_pb2.OrderLine(product_id="sku-1", quantity=2)
        return orders_pb2.Order(
            order_id=order_id,
            request_id=f"request-of-{order_id}",
            lines=[_placed(line)],
            create_time=Timestamp(seconds=int(self._script.clock())),
            strategy="replica",
        )


@dataclass(frozen=True)
class FakeShop:
    script: Script
    products_target: str
    orders_target: str

    @property
    def last(self) -> Received:
        return self.script.received[-1]


@contextmanager
def fake_shop(clock: FakeClock) -> Iterator[FakeShop]:
    """Both fakes on free loopback ports."""
    script = Script(clock)
    script.may_answer.set()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    add_ProductsServiceServicer_to_server(FakeProducts(script), server)
    add_OrdersServiceServicer_to_server(FakeOrders(script), server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield FakeShop(script, target, target)
    finally:
        server.stop(None).wait()


def _product(product_id: str) -> products_pb2.Product:
    return products_pb2.Product(
        product_id=product_id,
        display_name=f"Thing {product_id[-1]}",
        unit_price_micros=12_500_000,
        currency_code="EUR",
        max_quantity=5 if product_id == "sku-2" else 0,
    )


def _placed(line: orders_pb2.OrderLine) -> orders_pb2.PlacedLine:
    placed = orders_pb2.PlacedLine(
        product_id=line.product_id, quantity=line.quantity, revision=REVISION
    )
    if line.product_id != "sku-3":
        placed.unit_price_micros = 12_500_000
    return placed


def _base64url(part: object) -> str:
    text = part if isinstance(part, str) else json.dumps(part, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
