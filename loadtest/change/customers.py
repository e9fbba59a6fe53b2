"""Customers who order, and remember what they hold."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from grpc import aio

from client.carriers.base import KeptPage
from client.carriers.table import CARRIERS
from loadtest.change.calls import Answer, Desk
from loadtest.change.history import History, Order, Purpose
from loadtest.change.lanes import Clients, Lane
from loadtest.change.oracle import Decision, Interval, Key, Verdict
from waybill.errors import NotGranted, StateMissing
from waybill.status import error_from
from waybill.values import CarriedState

QUANTITY = 2
"""Of every order; a grant of at most one is too narrow for it."""
_NOT_ABOUT_THE_STATE = frozenset({NotGranted.reason, StateMissing.reason})
_TRY_LATER = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})


@dataclass(frozen=True, slots=True)
class Held:
    """A page, and when it was asked for."""

    page: KeptPage
    since: float


class Customer:
    """One person with one session."""

    def __init__(
        self,
        subject: str,
        lane: Lane,
        desk: Desk,
        history: History,
        *,
        state_ttl_s: float,
        clock: Callable[[], float],
    ) -> None:
        """`state_ttl_s` is how long listed state is good, as the state itself says."""
        self.subject = subject
        self.lane = lane
        self._desk = desk
        self._history = history
        self._state_ttl_s = state_ttl_s
        self._clock = clock
        self._travels = CARRIERS[lane.strategy].travels
        self._held: Held | None = None
        self._failed_at = -inf
        self._listing = asyncio.Lock()

    async def order(self, product_id: str, purpose: Purpose) -> Verdict | None:
        """Order a product, and note what came of it; None where nothing could be listed."""
        if self._travels and not await self._holds_something(product_id):
            return None
        held = self._held
        carried = self._desk.carried(held.page, product_id) if held else CarriedState()
        sent = self._clock()
        answer = await self._desk.order(product_id, QUANTITY, carried)
        when = Interval(sent, self._clock())
        decision = Decision(Key(self.subject, product_id), QUANTITY, when, answer.verdict)
        self._history.orders.append(Order(self.lane, decision, purpose, answer.reason))
        if held is self._held and self._gives_up(answer):
            self._held = None
        return answer.verdict

    async def _holds_something(self, product_id: str) -> bool:
        """Whether there is something to show, after listing where that is called for."""
        wanted_at = self._clock()
        async with self._listing:
            spent = self._held is None or self._is_spent(self._held, product_id)
            # What failed for one who was before us in the queue would keep us all waiting again.
            if spent and self._failed_at < wanted_at:
                await self._list()
        return self._held is not None

    def _is_spent(self, held: Held, product_id: str) -> bool:
        """Whether it has expired and would not help anyway; what might help is tried."""
        expired = self._clock() - held.since > self._state_ttl_s
        return expired and product_id not in held.page.product_ids

    async def _list(self) -> None:
        asked_at = self._clock()
        try:
            self._held = Held(await self._desk.listed(), asked_at)
        except aio.AioRpcError as error:
            self._failed_at = self._clock()
            self._history.lists_failed[error_from(error).code.name] += 1

    def _gives_up(self, answer: Answer) -> bool:
        """Whether what is held is dropped after this answer."""
        code, _, reason = answer.reason.partition(" ")
        if answer.verdict is Verdict.ACCEPTED or code in _TRY_LATER:
            return False
        return self.lane.clients is Clients.REFRESH or reason not in _NOT_ABOUT_THE_STATE
