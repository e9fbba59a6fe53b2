"""What a customer sends: a listed page, carried as its strategy does, and orders from it.

Written for synchronous channels, which Locust's greenlets need; it works in any thread as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol, TypeAlias

import grpc

from client.carriers.base import KeptPage
from client.carriers.table import CARRIERS
from loadtest.results import Method, RequestBytes
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.products.v1.products_pb2 import ListProductsRequest, ListProductsResponse
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry, size_bytes
from waybill.strategy import Strategy

PLACE_ORDER = "/shop.orders.v1.OrdersService/PlaceOrder"
LIST_PRODUCTS = "/shop.products.v1.ProductsService/ListProducts"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"

_ORDERS_OPTIONS = (
    # Channels with equal options would share one connection; customers do not.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
)
_LISTING_OPTIONS = (
    *_ORDERS_OPTIONS,
    # The listing must arrive whatever its size: what breaks is to be seen at the order.
    ("grpc.max_metadata_size", 64 << 20),
    ("grpc.absolute_max_metadata_size", 64 << 20),
)
LISTING_TIMEOUT_S = 30.0

FAVOURITES = 10
"""Products of its list that a customer orders from, so that a cache of answers can be warm."""

RawCall: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
"""A method called with serialised messages, so that the generator's own work stays small."""


def orders_channel(target: str) -> grpc.Channel:
    """A channel with a connection of its own and the default limits on metadata."""
    return grpc.insecure_channel(target, options=_ORDERS_OPTIONS)


def listing_channel(target: str) -> grpc.Channel:
    """A channel that takes answers of any size."""
    return grpc.insecure_channel(target, options=_LISTING_OPTIONS)


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


class OrderCaller:
    """Orders one unit of one of a few favourite products of a page, chosen at random by seed.

    Envelopes do not change between orders, so they are serialised once and appended to each
    request's own fields: concatenated protobuf messages merge into one.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        page: "ListedPage",
        *,
        validate_only: bool,
        request_ids: Callable[[], str],
        random: Random,
    ) -> None:
        self._place: RawCall = channel.unary_unary(PLACE_ORDER)
        self._metadata = page.metadata
        self._tail = page.tail
        self._product_ids = random.sample(page.product_ids, min(FAVOURITES, len(page.product_ids)))
        self._validate_only = validate_only
        self._request_ids = request_ids
        self._random = random

    def _request(self) -> bytes:
        head = PlaceOrderRequest(
            request_id=self._request_ids(),
            lines=[OrderLine(product_id=self._random.choice(self._product_ids), quantity=1)],
            validate_only=self._validate_only,
        )
        return head.SerializeToString() + self._tail

    def call(self, timeout_s: float) -> int:
        return len(self._place(self._request(), metadata=self._metadata, timeout=timeout_s))

    def request_bytes(self) -> RequestBytes:
        return RequestBytes(metadata=size_bytes(self._metadata), message=len(self._request()))


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page as a customer holds it: what to order from it, and what to send along."""

    product_ids: Sequence[str]
    metadata: tuple[Entry, ...]
    tail: bytes
    """The envelopes as fields of a serialised PlaceOrderRequest."""


def credentials(strategy: Strategy, token: str) -> tuple[Entry, ...]:
    """The metadata of every call: who calls, and which strategy it asks for."""
    return ((AUTHORIZATION, f"Bearer {token}"), (STRATEGY, strategy.value))


def list_page(channel: grpc.Channel, strategy: Strategy, token: str, ids: int) -> ListedPage:
    """List `ids` products on one page and keep what `strategy` carries.

    Raises:
        grpc.RpcError: the products service refused.
        ValueError: the page does not hold exactly `ids` products.
    """
    entries = credentials(strategy, token)
    listing: grpc.UnaryUnaryMultiCallable[bytes, ListProductsResponse] = channel.unary_unary(
        LIST_PRODUCTS, response_deserializer=ListProductsResponse.FromString
    )
    request = ListProductsRequest(page_size=ids).SerializeToString()
    answer, call = listing.with_call(request, metadata=entries, timeout=LISTING_TIMEOUT_S)
    product_ids = [product.product_id for product in answer.products]
    if len(product_ids) != ids or answer.next_page_token:
        raise ValueError(f"asked for a list of {ids} products and got {len(product_ids)}")
    carrier = CARRIERS[strategy]
    kept = carrier.keep(call.initial_metadata(), answer.state)
    page = KeptPage(frozenset(product_ids), answer.revision, kept)
    carried = carrier.carry([page], product_ids[:1])
    return ListedPage(
        product_ids=product_ids,
        metadata=(*entries, *carried.metadata),
        tail=PlaceOrderRequest(state=carried.envelopes).SerializeToString(),
    )


def request_ids(prefix: str) -> Callable[[], str]:
    """Makes request ids that no other call of this run has."""
    numbers = count()
    return lambda: f"{prefix}-{next(numbers)}"


def is_validate_only(method: Method) -> bool:
    """Whether orders of this method are only checked."""
    return method is Method.VALIDATE
