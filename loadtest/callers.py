"""What a customer sends, again and again: orders from listed pages, listings, or health checks.

Written for synchronous channels, which Locust's greenlets need; it works in any thread as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol, Self, TypeAlias

import grpc

from loadtest.holding import Pages
from loadtest.listing import LIST_PRODUCTS, ListedPage, credentials
from loadtest.results import Method, RequestBytes
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.products.v1.products_pb2 import ListProductsRequest
from waybill.metadata import Entry, size_bytes
from waybill.strategy import Strategy

PLACE_ORDER = "/shop.orders.v1.OrdersService/PlaceOrder"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"

RawCall: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
"""A method called with serialised messages, so that the generator's own work stays small."""


def orders_channel(target: str) -> grpc.Channel:
    """A channel with the default limits on metadata.

    It has a connection of its own: channels with equal options would share one, as customers do
    not.
    """
    return grpc.insecure_channel(target, options=(("grpc.use_local_subchannel_pool", 1),))


class Caller(Protocol):
    """Makes one kind of call, again and again."""

    def call(self, timeout_s: float) -> int:
        """Make one call; returns the answer's bytes.

        Raises:
            grpc.RpcError: it was refused.
        """
        ...

    def request_bytes(self) -> RequestBytes:
        """The size of one request."""
        ...


class HealthCaller:
    """The floor: a health check with nothing in it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._check: RawCall = channel.unary_unary(HEALTH_CHECK)

    def call(self, timeout_s: float) -> int:
        return len(self._check(b"", timeout=timeout_s))

    def request_bytes(self) -> RequestBytes:
        return RequestBytes(metadata=0, message=0)


class ListCaller:
    """Lists the first page, and so has its state issued."""

    def __init__(self, channel: grpc.Channel, strategy: Strategy, token: str, size: int) -> None:
        self._list: RawCall = channel.unary_unary(LIST_PRODUCTS)
        self._metadata = credentials(strategy, token)
        self._request = ListProductsRequest(page_size=size).SerializeToString()

    def call(self, timeout_s: float) -> int:
        return len(self._list(self._request, metadata=self._metadata, timeout=timeout_s))

    def request_bytes(self) -> RequestBytes:
        return RequestBytes(metadata=size_bytes(self._metadata), message=len(self._request))


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order's parts that do not change from one order of a product to the next."""

    product_id: str
    metadata: tuple[Entry, ...]
    tail: bytes
    """Carried state in messages is serialised once and appended to each request's own fields:
    concatenated protobuf messages merge into one."""

    @classmethod
    def of(cls, page: ListedPage, product_id: str) -> Self:
        """An order of one product of `page`."""
        fields = page.order_fields(product_id).SerializeToString()
        return cls(product_id, page.order_metadata(product_id), fields)


class OrderCaller:
    """Orders one unit of one of a few favourite products of a page, chosen at random by seed."""

    def __init__(
        self,
        channel: grpc.Channel,
        pages: Pages,
        *,
        favourites: int,
        validate_only: bool,
        request_ids: Callable[[], str],
        random: Random,
    ) -> None:
        self._place: RawCall = channel.unary_unary(PLACE_ORDER)
        self._pages = pages
        self._favourites = favourites
        self._validate_only = validate_only
        self._request_ids = request_ids
        self._random = random
        self._page: ListedPage | None = None
        self._product_ids: Sequence[str] = ()
        self._prepared: dict[str, Prepared] = {}

    def call(self, timeout_s: float) -> int:
        order = self._order(self._pages.take())
        return len(self._place(self._request(order), metadata=order.metadata, timeout=timeout_s))

    def request_bytes(self) -> RequestBytes:
        page = self._pages.peek()
        order = Prepared.of(page, page.product_ids[0])
        message = len(self._request(order))
        return RequestBytes(metadata=size_bytes(order.metadata), message=message)

    def _order(self, page: ListedPage) -> Prepared:
        if page is not self._page:
            many = min(self._favourites, len(page.product_ids))
            self._page, self._prepared = page, {}
            self._product_ids = self._random.sample(page.product_ids, many)
        product_id = self._random.choice(self._product_ids)
        if product_id not in self._prepared:
            self._prepared[product_id] = Prepared.of(page, product_id)
        return self._prepared[product_id]

    def _request(self, order: Prepared) -> bytes:
        head = PlaceOrderRequest(
            request_id=self._request_ids(),
            lines=[OrderLine(product_id=order.product_id, quantity=1)],
            validate_only=self._validate_only,
        )
        return head.SerializeToString() + order.tail


def request_ids(prefix: str) -> Callable[[], str]:
    """Makes request ids that no other call of this run has."""
    numbers = count()
    return lambda: f"{prefix}-{next(numbers)}"


def is_validate_only(method: Method) -> bool:
    """Whether orders of this method are only checked."""
    return method is Method.VALIDATE
