"""The shop for programs: lists, keeps what the pages carry, and orders with it.

    with ShopClient("127.0.0.1:50051", "127.0.0.1:50052", token) as shop:
        page = shop.list(page_size=100)
        order = shop.order({page.products[0].product_id: 1})

Every call names its strategy, so the services' defaults never matter. Not for use by several
threads at once.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from client.calls import Calls
from client.carriers.base import KeptPage, kept_page
from client.carriers.table import carriers
from client.channels import Limits, Tls, open_channel
from client.errors import NothingKept, Peer
from client.outgoing import Outgoing, own_metadata, request_budget
from client.session import merged
from shop.orders.v1 import orders_pb2
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1 import products_pb2
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.header_caps import Use
from waybill.providers import Providers
from waybill.rpc_telemetry import ClientCalls
from waybill.strategy import Strategy
from waybill.telemetry import StateMetrics, Way, state_metrics
from waybill.values import CarriedState

DEFAULT_STRATEGY = Strategy.MESSAGE_FIELD
NO_LIMITS_SET = Limits()


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One answer of ListProducts, and what was kept of it."""

    products: Sequence[products_pb2.Product]
    page_token: str
    next_page_token: str
    kept: KeptPage

    @property
    def revision(self) -> int:
        """The products service's change number at which the page was read."""
        return self.kept.revision


def is_complete(pages: Sequence[ListedPage]) -> bool:
    """Whether consecutive pages are the whole list, from the first page to the last."""
    return bool(pages) and not pages[0].page_token and not pages[-1].next_page_token


class ShopClient:
    """One person's way to both services under one strategy.

    Every method raises `client.errors.CallRefused` when a service or the way to it refuses.
    `pages` holds what is kept, oldest first; give them to the next client to go on with them.
    `providers` is where spans and metrics go; without, no calls are observed.

    Raises:
        ValueError: `limits` name a hop that is not known.
    """

    def __init__(  # noqa: PLR0913 (settings, by name)
        self,
        products_target: str,
        orders_target: str,
        token: str,
        *,
        strategy: Strategy = DEFAULT_STRATEGY,
        pages: Sequence[KeptPage] = (),
        limits: Limits = NO_LIMITS_SET,
        tls: Tls | None = None,
        providers: Providers | None = None,
    ) -> None:
        self.strategy = strategy
        self.pages: tuple[KeptPage, ...] = tuple(pages)
        metadata = own_metadata(token, strategy)
        self._carrier = carriers(request_budget(limits, metadata))[strategy]
        metrics = StateMetrics(providers) if providers else state_metrics()
        meter = metrics.of(strategy, Way.CARRIED)
        observer = ClientCalls(providers)
        self._outgoing = Outgoing(limits, metadata, meter)
        self._to_products = Calls(
            Peer("products", products_target), metadata, limits.timeout_s, observer
        )
        self._to_orders = Calls(Peer("orders", orders_target), metadata, limits.timeout_s, observer)
        self._channels = [
            open_channel(target, limits, tls) for target in (products_target, orders_target)
        ]
        self._products = ProductsServiceStub(self._channels[0])
        self._orders = OrdersServiceStub(self._channels[1])

    @property
    def keeps_state(self) -> bool:
        """Whether the strategy makes the client carry state at all."""
        return self._carrier.travels

    @property
    def near_budget(self) -> Use | None:
        """How much of the budget the latest order used, where that was most of it; else None."""
        return self._outgoing.near

    def list(self, page_size: int = 0, page_token: str = "") -> ListedPage:
        """List one page of what the caller may order, and keep its state; 0: the default size."""
        page = self._list(page_size, page_token)
        self._keep([page])
        return page

    def list_all(self, page_size: int = 0, page_token: str = "") -> Sequence[ListedPage]:
        """List page after page, from `page_token` to the last; keeps those before a failure."""
        pages: list[ListedPage] = []
        try:
            while not pages or page_token:
                pages.append(self._list(page_size, page_token))
                page_token = pages[-1].next_page_token
        finally:
            self._keep(pages)
        return pages

    def get(self, product_id: str) -> products_pb2.GetProductResponse:
        """Get one product that the caller may order."""
        request = products_pb2.GetProductRequest(product_id=product_id)
        return self._to_products.ask(self._products.GetProduct, request)

    def grant(
        self, subject: str, product_ids: Collection[str], *, max_quantity: int = 0
    ) -> products_pb2.GrantAccessResponse:
        """Entitle `subject` to products (role `admin`); `max_quantity` 0 means no maximum."""
        request = products_pb2.GrantAccessRequest(
            subject=subject, product_ids=product_ids, max_quantity=max_quantity
        )
        return self._to_products.ask(self._products.GrantAccess, request)

    def revoke(
        self, subject: str, product_ids: Collection[str]
    ) -> products_pb2.RevokeAccessResponse:
        """Take entitlements of `subject` away (role `admin`)."""
        request = products_pb2.RevokeAccessRequest(subject=subject, product_ids=product_ids)
        return self._to_products.ask(self._products.RevokeAccess, request)

    def carried(self, product_ids: Collection[str]) -> CarriedState:
        """What an order of `product_ids` would carry."""
        return self._carrier.carry(self.pages, product_ids)

    def order(
        self,
        lines: Mapping[str, int],
        *,
        request_id: str = "",
        validate_only: bool = False,
        min_revision: int = 0,
        anyway: bool = False,
    ) -> orders_pb2.Order:
        """Order quantities by product id, with the kept state that covers them.

        Without `request_id` each call is an order of its own; a repeated one returns the first.
        What no page covers is sent all the same: the service decides.

        Raises:
            NothingKept: the strategy carries state, and none is kept for any of the products;
                nothing was sent. `anyway` sends.
            OverBudget: the state would not pass the path of `limits`; nothing was sent.
        """
        carried = self._outgoing.checked(self.carried(lines))
        if self._carrier.travels and not carried.size_bytes and not anyway:
            raise NothingKept
        request = orders_pb2.PlaceOrderRequest(
            request_id=request_id or uuid.uuid4().hex,
            lines=[orders_pb2.OrderLine(product_id=p, quantity=n) for p, n in lines.items()],
            validate_only=validate_only,
            min_revision=min_revision,
            state=carried.envelopes,
            page_proofs=carried.proofs,
        )
        notes = {} if validate_only else {"request_id": request.request_id}
        answer = self._to_orders.ask(
            self._orders.PlaceOrder, request, metadata=carried.metadata, notes=notes
        )
        return answer.order

    def get_order(self, order_id: str) -> orders_pb2.Order:
        """Get one of the caller's orders."""
        request = orders_pb2.GetOrderRequest(order_id=order_id)
        return self._to_orders.ask(self._orders.GetOrder, request).order

    def orders(self, page_size: int = 0, page_token: str = "") -> orders_pb2.ListOrdersResponse:
        """List one page of the caller's orders, newest first."""
        request = orders_pb2.ListOrdersRequest(page_size=page_size, page_token=page_token)
        return self._to_orders.ask(self._orders.ListOrders, request)

    def close(self) -> None:
        """Close both connections."""
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _list(self, page_size: int, page_token: str) -> ListedPage:
        request = products_pb2.ListProductsRequest(page_size=page_size, page_token=page_token)
        answer, call = self._to_products.ask_fully(self._products.ListProducts, request)
        kept = kept_page(self._carrier, answer, call.initial_metadata())
        return ListedPage(answer.products, page_token, answer.next_page_token, kept)

    def _keep(self, pages: Sequence[ListedPage]) -> None:
        if self._carrier.travels:
            before = () if is_complete(pages) else self.pages
            self.pages = merged(before, [page.kept for page in pages])
