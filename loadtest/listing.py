"""Listing pages as a customer does, and keeping what the strategy carries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import grpc

from client.carriers.base import KeptPage, kept_page
from client.carriers.table import CARRIERS
from client.channels import NO_PROXY
from shop.orders.v1.orders_pb2 import PlaceOrderRequest
from shop.products.v1.products_pb2 import ListProductsRequest, ListProductsResponse
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry
from waybill.strategy import Strategy
from waybill.values import CarriedState

LIST_PRODUCTS = "/shop.products.v1.ProductsService/ListProducts"
LISTING_TIMEOUT_S = 30.0

_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    NO_PROXY,
    ("grpc.max_receive_message_length", -1),
    # The listing must arrive whatever its size: what breaks is to be seen at the order.
    ("grpc.max_metadata_size", 64 << 20),
    ("grpc.absolute_max_metadata_size", 64 << 20),
)


def listing_channel(target: str) -> grpc.Channel:
    """A channel that takes answers of any size."""
    return grpc.insecure_channel(target, options=_OPTIONS)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page as a customer holds it: what to order from it, and what to send along."""

    strategy: Strategy
    product_ids: Sequence[str]
    credentials: tuple[Entry, ...]
    kept: KeptPage
    next_page_token: str
    """Empty where no page follows."""

    def carried(self, product_id: str) -> CarriedState:
        """The state that an order of one product shows."""
        return CARRIERS[self.strategy].carry([self.kept], [product_id])

    def order_metadata(self, product_id: str) -> tuple[Entry, ...]:
        """The metadata of an order of one product."""
        return (*self.credentials, *self.carried(product_id).metadata)

    def order_fields(self, product_id: str) -> PlaceOrderRequest:
        """The order's carried state, with the order's own fields still missing."""
        carried = self.carried(product_id)
        return PlaceOrderRequest(state=carried.envelopes, page_proofs=carried.proofs)


def credentials(strategy: Strategy, token: str) -> tuple[Entry, ...]:
    """The metadata of every call: who calls, and which strategy it asks for."""
    return ((AUTHORIZATION, f"Bearer {token}"), (STRATEGY, strategy.value))


def listed(
    channel: grpc.Channel, strategy: Strategy, token: str, size: int, page_token: str = ""
) -> ListedPage:
    """List at most `size` products and keep what `strategy` carries.

    Raises:
        grpc.RpcError: the products service refused.
    """
    entries = credentials(strategy, token)
    listing: grpc.UnaryUnaryMultiCallable[bytes, ListProductsResponse] = channel.unary_unary(
        LIST_PRODUCTS, response_deserializer=ListProductsResponse.FromString
    )
    request = ListProductsRequest(page_size=size, page_token=page_token).SerializeToString()
    answer, call = listing.with_call(request, metadata=entries, timeout=LISTING_TIMEOUT_S)
    product_ids = [product.product_id for product in answer.products]
    return ListedPage(
        strategy=strategy,
        product_ids=product_ids,
        credentials=entries,
        kept=kept_page(CARRIERS[strategy], answer, call.initial_metadata()),
        next_page_token=answer.next_page_token,
    )


def too_short(page: ListedPage, size: int) -> ValueError:
    """The error for a list that has no page of `size`."""
    return ValueError(
        f"a page of {size:,} ids is wanted, and the customer's list has {len(page.product_ids):,}"
    )


def full_page(channel: grpc.Channel, strategy: Strategy, token: str, size: int) -> ListedPage:
    """List the first page, of exactly `size` products.

    Raises:
        grpc.RpcError: the products service refused.
        ValueError: the list is shorter.
    """
    return next(full_pages(channel, strategy, token, size))


def full_pages(
    channel: grpc.Channel, strategy: Strategy, token: str, size: int
) -> Iterator[ListedPage]:
    """One page after the other, and from the beginning again when no full one is left.

    A page that is listed again after a second is issued with a later time, and so is new to
    everybody who remembers state.

    Raises:
        grpc.RpcError: the products service refused.
        ValueError: there is not a single page of `size`.
    """
    page_token = ""
    while True:
        page = listed(channel, strategy, token, size, page_token)
        if len(page.product_ids) == size:
            yield page
        elif not page_token:
            raise too_short(page, size)
        page_token = page.next_page_token
