"""What customers and the administrator do, all at once on one event loop."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from loadtest.change.changing import Changer, Dwell, next_right
from loadtest.change.customers import QUANTITY, Customer
from loadtest.change.history import History, Purpose
from loadtest.change.oracle import NONE, Key, Right, Verdict
from loadtest.pacing import endless

Clock = Callable[[], float]
CHASE_FIRST_S = 0.002
CHASE_GROWS = 1.4
CHASE_MOST_S = 0.25
"""Orders that look for a change come at growing distances from each other, up to this one."""
STEADY = 0.15
"""Share of the flow for a product that its customer may always order."""
NEVER = 0.15
"""Share of the flow from a customer who was never granted the product, while others have it."""
MOST_TRIES = 2
"""Orders right before a change: one may find that what is held has expired, the next has it new."""
MOST_UNDER_WAY = 500
"""Orders of one lane without an answer, beyond which its flow skips."""


@dataclass(frozen=True, slots=True)
class Goods:
    """The products of an experiment."""

    changing: str
    """Rights to it come and go. All customers order the same product."""
    steady: str
    """Everybody may always order it."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """The customers of one lane; the last of them is never granted the changing product."""

    customers: Sequence[Customer]
    stranger: Customer


class Traffic:
    """Drives one lane."""

    def __init__(
        self,
        crowd: Crowd,
        goods: Goods,
        history: History,
        tasks: asyncio.TaskGroup,
        over: asyncio.Event,
        random: Random,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        """Nothing happens yet.

        Args:
            crowd: who orders.
            goods: what.
            history: where all is noted.
            tasks: where orders that are under way belong.
            over: set when it is to end.
            random: of arrivals, customers and changes.
            clock: in seconds; the one by which everything is noted.
        """
        self._crowd = crowd
        self._goods = goods
        self._history = history
        self._tasks = tasks
        self._over = over
        self._random = random
        self._clock = clock
        self._under_way = 0

    async def flow(self, rate_per_s: float) -> None:
        """Orders at random times, whether or not earlier ones have been answered."""
        begin = self._clock()
        for offset in endless(rate_per_s, self._random):
            due = begin + offset
            await asyncio.sleep(due - self._clock())
            if self._over.is_set():
                return
            self._history.late_s.append(self._clock() - due)
            if self._under_way < MOST_UNDER_WAY:
                self._tasks.create_task(self._counted(self._next_order()))

    def _next_order(self) -> Coroutine[Any, Any, Verdict | None]:
        drawn = self._random.random()
        if drawn < NEVER:
            return self._crowd.stranger.order(self._goods.changing, Purpose.FLOW)
        product_id = self._goods.steady if drawn < NEVER + STEADY else self._goods.changing
        return self._random.choice(self._crowd.customers).order(product_id, Purpose.FLOW)

    async def _counted(self, order: Coroutine[Any, Any, Verdict | None]) -> None:
        self._under_way += 1
        try:
            await order
        finally:
            self._under_way -= 1

    async def changes(self, customer: Customer, changer: Changer, dwell: Dwell) -> None:
        """Give and take one customer's right to the changing product, and look for each change."""
        random = Random(self._random.random())  # noqa: S311 - repeatable, not secret
        key, right = Key(customer.subject, self._goods.changing), NONE
        await self._pause(random.uniform(0, dwell.most_s))
        while not self._over.is_set():
            await self._order_meanwhile(customer, right)
            right, next_one = next_right(right, random), asyncio.Event()
            await changer.change(key, right)
            self._tasks.create_task(self._chase(customer, right, next_one))
            await self._pause(dwell.draw(random))
            next_one.set()

    async def _order_meanwhile(self, customer: Customer, right: Right) -> None:
        """Order as one who orders all the time: what there is to remember or carry is fresh."""
        for _ in range(MOST_TRIES):
            verdict = await customer.order(self._goods.changing, Purpose.CHASE)
            if (verdict is Verdict.ACCEPTED) is right.allows(QUANTITY):
                return

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until it is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    async def _chase(self, customer: Customer, right: Right, next_one: asyncio.Event) -> None:
        """Order again and again until the answer is as `right` says, or the next change comes."""
        wanted, pause_s = right.allows(QUANTITY), CHASE_FIRST_S
        while not next_one.is_set():
            verdict = await customer.order(self._goods.changing, Purpose.CHASE)
            if verdict is not None and (verdict is Verdict.ACCEPTED) is wanted:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * CHASE_GROWS, CHASE_MOST_S)
