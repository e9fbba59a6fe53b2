"""The methods of `shop.orders.v1.OrdersService`."""

from collections.abc import Mapping

from orders_svc import page_token
from orders_svc.access import AccessQuery, Resolver
from orders_svc.decide import decide
from orders_svc.orders import NewOrder, Order, PlacedLine, fingerprint
from orders_svc.replies import checked_message, order_message
from orders_svc.store import OrderStore
from shop.orders.v1.orders_pb2 import (
    GetOrderRequest,
    GetOrderResponse,
    ListOrdersRequest,
    ListOrdersResponse,
    PlaceOrderRequest,
    PlaceOrderResponse,
)
from waybill.choosing import StrategyChoice
from waybill.errors import WaybillError
from waybill.serving.call import Call
from waybill.serving.guard import Method
from waybill.strategy import Strategy

DEFAULT_PAGE_SIZE = 50


class OrdersServicer:
    """Takes orders for products that the caller is entitled to.

    Args:
        choice: which strategy a call gets.
        resolvers: one for each strategy that `choice` can make.
        store: where orders are kept.
    """

    def __init__(
        self, choice: StrategyChoice, resolvers: Mapping[Strategy, Resolver], store: OrderStore
    ) -> None:
        self._choice = choice
        self._resolvers = resolvers
        self._store = store

    def methods(self) -> dict[str, Method]:
        """The service's methods by name."""
        return {
            "PlaceOrder": Method(self.place_order),
            "GetOrder": Method(self.get_order),
            "ListOrders": Method(self.list_orders),
        }

    async def place_order(self, request: PlaceOrderRequest, call: Call) -> PlaceOrderResponse:
        """Resolve access, decide, reply."""
        strategy = self._choice.of(call.metadata)
        if request.validate_only:
            lines = await self._vouch(strategy, request, call)
            return PlaceOrderResponse(order=checked_message(request.request_id, strategy, lines))
        order = await self._place(strategy, request, call)
        call.log_accepted(order_id=order.order_id, strategy=order.strategy)
        return PlaceOrderResponse(order=order_message(order))

    async def get_order(self, request: GetOrderRequest, call: Call) -> GetOrderResponse:
        """One of the caller's own orders."""
        order = await self._store.get(call.caller.subject, request.order_id)
        return GetOrderResponse(order=order_message(order))

    async def list_orders(self, request: ListOrdersRequest, call: Call) -> ListOrdersResponse:
        """The caller's own orders, newest first."""
        page = await self._store.page(
            call.caller.subject,
            request.page_size or DEFAULT_PAGE_SIZE,
            page_token.decode(request.page_token),
        )
        return ListOrdersResponse(
            orders=map(order_message, page.orders),
            next_page_token=page_token.encode(page.next_before),
        )

    async def _vouch(
        self, strategy: Strategy, request: PlaceOrderRequest, call: Call
    ) -> tuple[PlacedLine, ...]:
        grants = await self._resolvers[strategy].resolve(_query(request, call))
        return decide(request.lines, grants)

    async def _place(self, strategy: Strategy, request: PlaceOrderRequest, call: Call) -> Order:
        """The durable order: a new one, or the one that this request placed earlier.

        A retry of an acknowledged order returns it whatever has become of the entitlement since:
        it reports what happened and grants nothing. The look-up comes after a refusal and not
        before every order, where it would cost more than the order's share of a group commit; the
        answers are the same, since `place` finds the earlier order of a retry that is entitled.
        """
        try:
            lines = await self._vouch(strategy, request, call)
        except WaybillError:
            if (earlier := await self._earlier(request, call)) is not None:
                return earlier
            raise
        new = NewOrder(call.caller.subject, request.request_id, strategy, lines)
        return await self._store.place(new, call.time_left_s())

    async def _earlier(self, request: PlaceOrderRequest, call: Call) -> Order | None:
        asked = fingerprint((line.product_id, line.quantity) for line in request.lines)
        return await self._store.recall(call.caller.subject, request.request_id, asked)


def _query(request: PlaceOrderRequest, call: Call) -> AccessQuery:
    return AccessQuery(
        subject=call.caller.subject,
        product_ids=[line.product_id for line in request.lines],
        min_revision=request.min_revision,
        metadata=call.metadata,
        envelopes=request.state,
        time_left_s=call.time_left_s(),
        proofs=request.page_proofs,
    )
