"""Cuts a machine off, takes a grant away meanwhile, heals, and looks what orders decided all along.

For each orders service and strategy, two customers order over and over, by `validate_only`: one
what it keeps and what it was never granted, the other what is revoked during the cut. Two things
must hold: nothing is accepted that was revoked longer ago than the bounds of the settings say, nor
anything that was never granted; and after the cut everything works again without a hand.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event

import grpc

from client.channels import NO_PROXY
from loadtest.listing import ListedPage, listed
from loadtest.netlab.parts import (
    CACHE_TTL_S,
    LAG_BOUND_S,
    NATS,
    ORDERS,
    OVER_NATS,
    PRODUCTS,
    VALKEY,
    Parts,
)
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import GrantAccessRequest, RevokeAccessRequest
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.metadata import AUTHORIZATION
from waybill.strategy import Strategy

CUSTOMER, LOSER = "ada", "bob"
"""Who keeps everything, and who loses a grant in each cut."""
GRANTS = 20
PAUSE_S = 0.05
CALL_S = 0.5
"""Deadline of an order; across a cut it is what ends the call."""
BOUND_S = max(LAG_BOUND_S, CACHE_TTL_S) + CALL_S + 0.25
"""After a revoke: the longest bound of any strategy, a call under way, and the next heartbeat."""
RECOVERY_S = 15.0
APART = (
    *((each, PRODUCTS) for each in ORDERS),
    *((each, VALKEY) for each in ORDERS),
    (OVER_NATS, NATS),
    (PRODUCTS, NATS),
)
"""Who loses whom, while everybody else reaches both."""
BEFORE_S = 1.0

Cut = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Decision:
    """One order's outcome. Times are of the lab's clock, in seconds."""

    orders: str
    strategy: Strategy
    product: str
    sent_at: float
    answered_at: float
    accepted: bool
    code: str


@dataclass(slots=True)
class Outcome:
    """What came of one cut."""

    name: str
    began_at: float = 0.0
    ended_at: float = 0.0
    revoked_at: float | None = None
    """When products had acknowledged the revoke; None where it could not be reached."""
    recovered_s: float | None = None
    """After the cut, until every service accepted with every strategy; None for never."""
    decisions: list[Decision] = field(default_factory=list)
    wrong: list[Decision] = field(default_factory=list)

    @property
    def went_well(self) -> bool:
        """No wrong grant, and everything works again."""
        return not self.wrong and self.recovered_s is not None

    def served(self, orders: str, strategy: Strategy, kept: str) -> float:
        """Share of the orders of `kept` that were accepted during the cut."""
        during = [
            each
            for each in self.decisions
            if (each.orders, each.strategy, each.product) == (orders, strategy, kept)
            and self.began_at <= each.sent_at <= self.ended_at
        ]
        return sum(each.accepted for each in during) / len(during) if during else 0.0


@dataclass(frozen=True, slots=True)
class Products:
    """What is ordered: `kept` and `never` by the first customer, `revoked` by the other."""

    kept: str
    revoked: str
    never: str


class Scenario:
    """Both customers at every orders service with every strategy. A context manager."""

    def __init__(self, parts: Parts, products: Products) -> None:
        self._parts = parts
        self._products = products
        self._admin = grpc.insecure_channel(parts.products_target, options=(NO_PROXY,))
        self._channels = {
            name: grpc.insecure_channel(parts.orders_target(name), options=(NO_PROXY,))
            for name in ORDERS
        }
        self._pages: dict[tuple[str, Strategy], ListedPage] = {}

    def __enter__(self) -> "Scenario":
        for customer in (CUSTOMER, LOSER):
            self._list(customer)
        return self

    def __exit__(self, *_: object) -> None:
        for channel in (self._admin, *self._channels.values()):
            channel.close()

    def run(self, name: str, cut: Cut, seconds: float) -> Outcome:
        """Cut for `seconds`, and look until everything works again."""
        outcome, stop = Outcome(name), Event()
        with ThreadPoolExecutor(len(ORDERS) * len(Strategy)) as pool:
            looking = [
                pool.submit(self._order_until, stop, orders, strategy, outcome)
                for orders in ORDERS
                for strategy in Strategy
            ]
            try:
                time.sleep(BEFORE_S)
                outcome.began_at = time.monotonic()
                with cut():
                    time.sleep(seconds / 3)
                    outcome.revoked_at = self._revoke()
                    time.sleep(seconds * 2 / 3)
                outcome.ended_at = time.monotonic()
                outcome.recovered_s = self._recovery(outcome)
            finally:
                stop.set()
            for each in looking:
                each.result()
        outcome.wrong = list(self._wrong(outcome))
        self._grant_again()
        return outcome

    def _list(self, customer: str) -> None:
        token = self._parts.token(customer)
        for strategy in Strategy:
            page = listed(self._admin, strategy, token, GRANTS)
            self._pages[customer, strategy] = page

    def _order_until(self, stop: Event, orders: str, strategy: Strategy, outcome: Outcome) -> None:
        stub = OrdersServiceStub(self._channels[orders])
        mine, others = self._pages[CUSTOMER, strategy], self._pages[LOSER, strategy]
        asked = (
            *((mine, self._products.kept), (mine, self._products.never)),
            (others, self._products.revoked),
        )
        while not stop.is_set():
            for page, product in asked:
                outcome.decisions.append(_ordered(stub, orders, strategy, page, product))
            stop.wait(PAUSE_S)

    def _revoke(self) -> float | None:
        request = RevokeAccessRequest(subject=LOSER, product_ids=[self._products.revoked])
        try:
            ProductsServiceStub(self._admin).RevokeAccess(
                request, metadata=self._as_admin(), timeout=CALL_S
            )
        except grpc.RpcError:
            return None
        return time.monotonic()

    def _grant_again(self) -> None:
        """Everything as before, with new pages: the old ones are superseded."""
        request = GrantAccessRequest(subject=LOSER, product_ids=[self._products.revoked])
        ProductsServiceStub(self._admin).GrantAccess(
            request, metadata=self._as_admin(), timeout=RECOVERY_S, wait_for_ready=True
        )
        self._list(LOSER)

    def _as_admin(self) -> tuple[tuple[str, str], ...]:
        return ((AUTHORIZATION, f"Bearer {self._parts.token('admin', 'admin')}"),)

    def _recovery(self, outcome: Outcome) -> float | None:
        """Wait until everybody's newest order of what is kept was accepted."""
        deadline = outcome.ended_at + RECOVERY_S
        while time.monotonic() < deadline:
            if all(each and each.accepted for each in self._newest(outcome)):
                return time.monotonic() - outcome.ended_at
            time.sleep(PAUSE_S)
        return None

    def _newest(self, outcome: Outcome) -> Iterable[Decision | None]:
        """The last decision on the kept product that was asked for after the cut, of everybody."""
        last: dict[tuple[str, Strategy], Decision] = {
            (each.orders, each.strategy): each
            for each in list(outcome.decisions)
            if each.product == self._products.kept and each.sent_at > outcome.ended_at
        }
        return [last.get((orders, strategy)) for orders in ORDERS for strategy in Strategy]

    def _wrong(self, outcome: Outcome) -> Iterable[Decision]:
        for each in outcome.decisions:
            late = outcome.revoked_at is not None and each.sent_at > outcome.revoked_at + BOUND_S
            forbidden = each.product == self._products.never or (
                each.product == self._products.revoked and late
            )
            if each.accepted and forbidden:
                yield each


def _ordered(
    stub: OrdersServiceStub, orders: str, strategy: Strategy, page: ListedPage, product: str
) -> Decision:
    request = PlaceOrderRequest(
        request_id=f"cut-{time.monotonic_ns()}",
        lines=[OrderLine(product_id=product, quantity=1)],
        validate_only=True,
    )
    request.MergeFrom(page.order_fields(product))
    metadata, sent_at = page.order_metadata(product), time.monotonic()
    try:
        stub.PlaceOrder(request, metadata=metadata, timeout=CALL_S)
        accepted, code = True, "OK"
    except grpc.RpcError as error:
        accepted, code = False, str(error.code().name)
    return Decision(orders, strategy, product, sent_at, time.monotonic(), accepted, code)


def cuts(parts: Parts) -> Sequence[tuple[str, Cut]]:
    """Every cut that the lab makes: each machine alone, and each service from what it asks."""
    network = parts.network

    def off(machine: str) -> Cut:
        return lambda: network.cut_off(machine)

    def between(one: str, other: str) -> Cut:
        return lambda: network.cut_between(one, other)

    return [
        *((f"{machine} cut off", off(machine)) for machine in (PRODUCTS, VALKEY, NATS, *ORDERS)),
        *((f"{one} loses {other}", between(one, other)) for one, other in APART),
    ]
