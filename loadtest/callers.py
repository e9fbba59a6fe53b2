"""What a customer sends, again and again: orders from listed pages, listings, or health checks.

Written for synchronous channels, which Locust's greenlets need; it works in any thread as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol, Self, TypeAlias

import grpc

from client.channels import NO_PROXY
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
    return grpc.insecure_channel(target, options=(("grpc.use_local_subchannel_pool", 1), NO_PROXY))


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

    def warm_up(self, timeout_s: float) -> None:
        """Make each call once whose answer, or state, could be remembered.

        Raises:
            grpc.RpcError: one was refused; those after it were not made.
        """
        ...


class HealthCaller:
    """The floor: a health check with nothing in it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._check: RawCall = channel.unary_unary(HEALTH_CHECK)

    def call(self, timeout_s: float) -> int:
        return len(self._check(b"", timeout=timeout_s))

    def request_bytes(self) -> RequestBytes:
        return RequestBytes(metadata=0, message=0)

    def warm_up(self, timeout_s: float) -> None:
        """Nothing is remembered."""


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

    def warm_up(self, timeout_s: float) -> None:
        """Nothing is remembered."""


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


class Favourites:
    """Orders of a few products of one page. Each is prepared once, when it is first wanted."""

    def __init__(self, page: ListedPage, product_ids: Sequence[str]) -> None:
        self.page = page
        self._product_ids = product_ids
        self._prepared: dict[str, Prepared] = {}

    def all(self) -> Sequence[Prepared]:
        """An order of each product."""
        return [self._order(product_id) for product_id in self._product_ids]

    def first(self) -> Prepared:
        """An order of the first of them."""
        return self._order(self._product_ids[0])

    def any(self, random: Random) -> Prepared:
        """An order of one of them."""
        return self._order(random.choice(self._product_ids))

    def _order(self, product_id: str) -> Prepared:
        if product_id not in self._prepared:
            self._prepared[product_id] = Prepared.of(self.page, product_id)
        return self._prepared[product_id]


class OrderCaller:
    """Orders one unit of one of a few favourite products of a page, chosen at random by seed.

    Orders from pages that are known are prepared at once: to choose a proof from a long page takes
    a client milliseconds, which must not be taken for the service's.
    """

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
        # By identity: pages are neither copied nor compared, and all of them are kept here.
        self._known = {id(page): self._chosen(page) for page in pages.known()}
        for favourites_of in self._known.values():
            favourites_of.all()
        self._listed: Favourites | None = None

    def call(self, timeout_s: float) -> int:
        order = self._of(self._pages.take()).any(self._random)
        return len(self._place(self._request(order), metadata=order.metadata, timeout=timeout_s))

    def request_bytes(self) -> RequestBytes:
        order = self._of(self._pages.peek()).first()
        message = len(self._request(order))
        return RequestBytes(metadata=size_bytes(order.metadata), message=message)

    def warm_up(self, timeout_s: float) -> None:
        for page in self._pages.lasting():
            for order in self._of(page).all():
                self._place(self._request(order), metadata=order.metadata, timeout=timeout_s)

    def _of(self, page: ListedPage) -> Favourites:
        if id(page) in self._known:
            return self._known[id(page)]
        if self._listed is None or self._listed.page is not page:
            self._listed = self._chosen(page)
        return self._listed

    def _chosen(self, page: ListedPage) -> Favourites:
        many = min(self._favourites, len(page.product_ids))
        return Favourites(page, self._random.sample(page.product_ids, many))

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
