"""One customer of one strategy: lists, keeps what that brought, and orders with it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

import grpc
from grpc import aio

from client.carriers.base import kept_page
from client.carriers.table import CARRIERS
from client.channels import NO_PROXY
from client.retries import CHANNEL_OPTIONS
from loadtest.callers import PLACE_ORDER
from loadtest.change.crowd.values import LIST, OK
from loadtest.listing import LIST_PRODUCTS, ListedPage, credentials
from loadtest.refusals import refusal_of
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.products.v1.products_pb2 import ListProductsRequest, ListProductsResponse
from waybill.metadata import REQUEST_ID, Entry
from waybill.strategy import Strategy

_OPTIONS = (*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1), NO_PROXY)
_ROUND_ROBIN = ("grpc.lb_policy_name", "round_robin")
_LIST_AGAIN = ("STATE_MISSING", "STATE_INVALID", "STATE_EXPIRED", "STATE_SUPERSEDED")
"""Reasons whose message advises to list again."""


class Channels:
    """A customer's own connections, with the recommended retries. An async context manager."""

    def __init__(self, orders_target: str, products_target: str) -> None:
        self._orders = aio.insecure_channel(orders_target, options=(*_OPTIONS, _ROUND_ROBIN))
        self._products = aio.insecure_channel(products_target, options=_OPTIONS)
        self.place: aio.UnaryUnaryMultiCallable[PlaceOrderRequest, bytes] = (
            self._orders.unary_unary(
                PLACE_ORDER, request_serializer=PlaceOrderRequest.SerializeToString
            )
        )
        self.list: aio.UnaryUnaryMultiCallable[ListProductsRequest, ListProductsResponse]
        self.list = self._products.unary_unary(
            LIST_PRODUCTS,
            request_serializer=ListProductsRequest.SerializeToString,
            response_deserializer=ListProductsResponse.FromString,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._orders.close()
        await self._products.close()


class Customer:
    """Orders one product at a time. `request_ids` makes names that no other call has."""

    def __init__(
        self,
        channels: Channels,
        strategy: Strategy,
        token: str,
        *,
        page_size: int,
        timeout_s: float,
        request_ids: Callable[[], str],
        random: Random,
    ) -> None:
        self._channels = channels
        self._strategy = strategy
        self.credentials = credentials(strategy, token)
        """What says who it is."""
        self._page_size = page_size
        self._timeout_s = timeout_s
        self._request_ids = request_ids
        self._random = random
        self._page: ListedPage | None = None
        self._listing: asyncio.Task[None] | None = None

    @property
    def page(self) -> ListedPage:
        """What it listed last."""
        assert self._page is not None, "nothing was listed yet"
        return self._page

    async def order_from(self, page: ListedPage) -> str:
        """Order from a page that somebody else has listed, as it is."""
        self._page = page
        return await self.order()

    async def list(self) -> None:
        """List the first page, and keep it.

        Raises:
            grpc.RpcError: the products service refused; what was kept before is still there.
        """
        call = self._channels.list(
            ListProductsRequest(page_size=self._page_size),
            metadata=self._metadata(self.credentials),
            timeout=self._timeout_s,
        )
        answer = await call
        arrived = tuple((key, value) for key, value in await call.initial_metadata())
        self._page = ListedPage(
            strategy=self._strategy,
            product_ids=[product.product_id for product in answer.products],
            credentials=self.credentials,
            kept=kept_page(CARRIERS[self._strategy], answer, arrived),
            next_page_token=answer.next_page_token,
        )

    async def order(self) -> str:
        """Order one unit of a product of the page: `OK`, or why it was refused."""
        page = self.page
        product_id = self._random.choice(page.product_ids)
        request = PlaceOrderRequest(
            request_id=self._request_ids(),
            lines=[OrderLine(product_id=product_id, quantity=1)],
        )
        request.MergeFrom(page.order_fields(product_id))
        metadata = self._metadata(page.order_metadata(product_id))
        try:
            await self._channels.place(request, metadata=metadata, timeout=self._timeout_s)
        except grpc.RpcError as error:
            return refusal_of(error)
        return OK

    async def order_and_heed(self) -> str:
        """The same; a refusal that advises to list again has that done for the next order."""
        text = await self.order()
        if text.endswith(_LIST_AGAIN):
            self.list_soon()
        return text

    async def list_and_order(self) -> str:
        """Order from a new page; after `list `, why that was refused."""
        try:
            await self.list()
        except grpc.RpcError as error:
            return f"{LIST}{refusal_of(error)}"
        return await self.order()

    def list_soon(self) -> None:
        """List anew while orders go on with what there is; a refusal changes nothing."""
        if self._listing is None or self._listing.done():
            self._listing = asyncio.create_task(self._list_if_possible())

    async def _list_if_possible(self) -> None:
        with suppress(grpc.RpcError):
            await self.list()

    def _metadata(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        return (*entries, (REQUEST_ID, self._request_ids()))
