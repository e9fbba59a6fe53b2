"""The lab's calls to both services, from one event loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import grpc
from grpc import aio

from client.carriers.base import KeptPage, kept_page
from client.carriers.table import CARRIERS
from client.channels import NO_PROXY
from loadtest.callers import PLACE_ORDER
from loadtest.change.oracle import Right, Verdict
from loadtest.listing import credentials
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.products.v1.products_pb2 import (
    GrantAccessRequest,
    ListProductsRequest,
    RevokeAccessRequest,
)
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.errors import NotGranted
from waybill.metadata import AUTHORIZATION, Entry
from waybill.status import error_from
from waybill.strategy import Strategy
from waybill.values import CarriedState

PAGE_SIZE = 100

_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    NO_PROXY,
    # A service that was killed is back within a second, and is to be met then.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
)


def channel(target: str) -> aio.Channel:
    """A connection of its own."""
    return aio.insecure_channel(target, options=_OPTIONS)


class Administration:
    """Gives and takes rights."""

    def __init__(self, products: aio.Channel, token: str, timeout_s: float) -> None:
        self._stub = ProductsServiceStub(products)
        self._metadata = ((AUTHORIZATION, f"Bearer {token}"),)
        self._timeout_s = timeout_s

    async def set(self, subject: str, product_ids: Sequence[str], right: Right) -> int:
        """Let `subject` have `right` to each product; the revision of the last change.

        Raises:
            grpc.aio.AioRpcError: it was refused, or nobody answered: it may be done or not.
        """
        return await (self._grant if right.granted else self._revoke)(subject, product_ids, right)

    async def _grant(self, subject: str, product_ids: Sequence[str], right: Right) -> int:
        request = GrantAccessRequest(
            subject=subject, product_ids=product_ids, max_quantity=right.maximum
        )
        answer = await self._stub.GrantAccess(
            request, metadata=self._metadata, timeout=self._timeout_s
        )
        return answer.revision

    async def _revoke(self, subject: str, product_ids: Sequence[str], _right: Right) -> int:
        request = RevokeAccessRequest(subject=subject, product_ids=product_ids)
        answer = await self._stub.RevokeAccess(
            request, metadata=self._metadata, timeout=self._timeout_s
        )
        return answer.revision


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order. `reason` is the code and reason of a refusal."""

    verdict: Verdict
    reason: str = ""


class Desk:
    """Lists and orders for one customer with one strategy."""

    def __init__(
        self,
        products: aio.Channel,
        orders: aio.Channel,
        strategy: Strategy,
        subject: str,
        token: str,
        timeout_s: float,
    ) -> None:
        self._stub = ProductsServiceStub(products)
        self._place: aio.UnaryUnaryMultiCallable[bytes, bytes] = orders.unary_unary(PLACE_ORDER)
        self._carrier = CARRIERS[strategy]
        self._credentials = credentials(strategy, token)
        self._timeout_s = timeout_s
        self._request_ids = map(f"{subject}-{{}}".format, count())

    async def listed(self) -> KeptPage:
        """The customer's products, on one page.

        Raises:
            grpc.aio.AioRpcError: it was refused, or nobody answered.
        """
        call = self._stub.ListProducts(
            ListProductsRequest(page_size=PAGE_SIZE),
            metadata=self._credentials,
            timeout=self._timeout_s,
        )
        answer = await call
        entries: list[Entry] = [(key, value) for key, value in await call.initial_metadata() or ()]
        return kept_page(self._carrier, answer, entries)

    def carried(self, page: KeptPage, product_id: str) -> CarriedState:
        """What an order of one product shows."""
        return self._carrier.carry([page], [product_id])

    async def order(self, product_id: str, quantity: int, carried: CarriedState) -> Answer:
        """Ask whether an order would be placed; all is checked, nothing is kept."""
        request = PlaceOrderRequest(
            request_id=next(self._request_ids),
            lines=[OrderLine(product_id=product_id, quantity=quantity)],
            validate_only=True,
            state=carried.envelopes,
            page_proofs=carried.proofs,
        )
        metadata = (*self._credentials, *carried.metadata)
        try:
            await self._place(
                request.SerializeToString(), metadata=metadata, timeout=self._timeout_s
            )
        except aio.AioRpcError as error:
            return refused(error)
        return Answer(Verdict.ACCEPTED)


def refused(error: grpc.RpcError) -> Answer:
    """What a refusal says; only the one for lack of a right decides anything."""
    refusal = error_from(error)
    verdict = Verdict.REFUSED if refusal.reason == NotGranted.reason else Verdict.UNDECIDED
    return Answer(verdict, f"{refusal.code.name} {refusal.reason}".strip())
