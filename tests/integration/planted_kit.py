"""Stories in a shop whose clock belongs to the test: rights change, customers order, time passes.

The lab's own customers, changer and oracle take part; both services are real, in this process.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import grpc
import pytest

from loadtest.change.calls import Administration, Desk
from loadtest.change.changing import ANY, Changer, next_right
from loadtest.change.customers import Customer
from loadtest.change.history import History, Purpose
from loadtest.change.lanes import Lane, Lifetimes, Revocation
from loadtest.change.oracle import NONE, Finding, Key
from loadtest.change.staleness.outcome import Judged, judged
from loadtest.listing import credentials
from orders_svc import resolvers
from orders_svc.feed.follower import Follower
from orders_svc.feed.pace import Pace
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from tests.contract.world import DEADLINE_S, World
from waybill.answer_cache import AnswerCache
from waybill.references.reader import ReferenceReader
from waybill.strategy import Strategy

LIVES = Lifetimes(
    state_ttl_s=6,
    leeway_s=1,
    cache_ttl_s=4.0,
    cache_negative_ttl_s=2.0,
    reference_cache_ttl_s=3.0,
    lag_bound_s=5.0,
    revocation_lag_bound_s=5.0,
)
STEADY, CHANGING = "salt", "tea"
STEPS = 300
WAIT_S = 0.25
"""Real time for the feed to bring a change."""
LONGEST_LEAP_S = 2.5


class Tearable:
    """A feed whose streams can be torn, so that following has to be resumed."""

    def __init__(self) -> None:
        self.feed: Any = None
        self._torn = False
        self._resumed = asyncio.Event()

    async def watch(self, epoch: int, resume_revision: int) -> AsyncGenerator[Any, None]:
        self._resumed.set()
        async for event in self.feed.watch(epoch, resume_revision):
            yield event
            if self._torn:
                self._torn = False
                return

    async def tear(self) -> None:
        """End the stream at its next event, which comes soon, and see the next one begin."""
        self._torn = True
        self._resumed.clear()
        async with asyncio.timeout(DEADLINE_S):
            await self._resumed.wait()


class TimedWorld(World):
    """A shop whose remembered things live as long as `LIVES` says."""

    products_settings = MappingProxyType(
        {"state_ttl_s": LIVES.state_ttl_s, "clock_leeway_s": LIVES.leeway_s}
    )
    orders_settings = MappingProxyType(
        {
            "clock_leeway_s": LIVES.leeway_s,
            "cache_ttl_s": LIVES.cache_ttl_s,
            "cache_negative_ttl_s": LIVES.cache_negative_ttl_s,
            "cache_jitter": 0,
            "reference_cache_ttl_s": LIVES.reference_cache_ttl_s,
            "replica_lag_bound_s": LIVES.lag_bound_s,
        }
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.feed = Tearable()


def on_the_clock(shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """Let everything in orders that counts time do so by the test's clock."""
    reader: Any = partial(ReferenceReader, cache_clock=shop.clock)
    plant.setattr(resolvers, "ReferenceReader", reader)
    cached(AnswerCache, shop, plant)

    def follower(feed: Any, sink: Any, **named: Any) -> Follower:
        shop.feed.feed = feed
        pace = Pace(backoff_s=0.001, max_backoff_s=0.001)
        return Follower(shop.feed, sink, **{**named, "pace": pace})

    plant.setattr(resolvers, "Follower", follower)


def cached(kind: Callable[..., Any], shop: TimedWorld, plant: pytest.MonkeyPatch) -> None:
    """Let orders remember answers in a cache of this kind."""
    plant.setattr(resolvers, "AnswerCache", lambda limits, _clock: kind(limits, shop.clock))


Plant = Callable[[TimedWorld, pytest.MonkeyPatch], None]
"""Puts a bug into the orders service before it starts."""


@asynccontextmanager
async def planted(
    folder: Path, valkey_url: str, plant: Plant | None, patch: pytest.MonkeyPatch
) -> AsyncIterator[TimedWorld]:
    """A running shop with a bug in it, or with none."""
    shop = TimedWorld(folder, valkey_url, (2,))
    on_the_clock(shop, patch)
    if plant:
        plant(shop, patch)
    async with AsyncExitStack() as stack:
        await shop.start(stack)
        yield shop


class Story:
    """Two customers whose rights change, and one who never had any."""

    def __init__(self, shop: TimedWorld, strategy: Strategy, seed: int) -> None:
        self._shop = shop
        self._random = Random(seed)
        self.history = History()
        token = shop.token("root", "admin")
        self._admin = Administration(shop.products_channel, token, DEADLINE_S)
        self._orders = OrdersServiceStub(shop.orders_channel)
        self._changer = Changer(self._admin, self.history, shop.clock)
        self._lane = Lane.all_of([strategy], LIVES, Revocation.EXPIRY)[0]
        self._customers = {name: self._customer(name) for name in ("ann", "ben", "stranger")}
        self._rights = dict.fromkeys(("ann", "ben"), NONE)

    def _customer(self, subject: str) -> Customer:
        shop = self._shop
        desk = Desk(
            shop.products_channel,
            shop.orders_channel,
            self._lane.strategy,
            subject,
            shop.token(subject),
            DEADLINE_S,
        )
        return Customer(
            subject,
            self._lane,
            desk,
            self.history,
            state_ttl_s=LIVES.state_ttl_s,
            clock=shop.clock,
        )

    async def told(self, steps: int = STEPS) -> list[Judged]:
        """Let it happen; every order with its judgement."""
        for subject in self._customers:
            await self._changer.change(Key(subject, STEADY), ANY)
        for _ in range(steps):
            (deed,) = self._random.choices(
                (self._change, self._order, self._leap), weights=(1, 6, 2)
            )
            await deed()
        return judged(self.history)

    async def _change(self) -> None:
        subject = self._random.choice(list(self._rights))
        right = self._rights[subject] = next_right(self._rights[subject], self._random)
        if self._lane.strategy is Strategy.REPLICA and self._random.random() < 0.5:
            await self._shop.feed.tear()
        await self._changer.change(Key(subject, CHANGING), right)

    async def _order(self) -> None:
        customer = self._random.choice(list(self._customers.values()))
        product_id = STEADY if self._random.random() < 0.2 else CHANGING
        await customer.order(product_id, Purpose.FLOW)

    async def _leap(self) -> None:
        """Time passes, more of it than anything real takes; the feed goes on meanwhile."""
        self._shop.clock.advance(self._random.uniform(0.1, LONGEST_LEAP_S))
        if self._lane.strategy is Strategy.REPLICA:
            await self._feed_caught_up()

    async def _feed_caught_up(self) -> None:
        """The replica has had time for all changes; one with a bug may never get to some of them.

        Raises:
            AssertionError: it gets to none.
        """
        for attempt in range(20):
            await self._admin.set("somebody", [STEADY], NONE if attempt % 2 else ANY)
            revision = await self._admin.set("somebody", [STEADY], ANY if attempt % 2 else NONE)
            if await self._replica_gets_to(revision):
                return
        raise AssertionError("the replica stands still")

    async def _replica_gets_to(self, revision: int) -> bool:
        request = PlaceOrderRequest(
            request_id="look",
            lines=[OrderLine(product_id=STEADY, quantity=1)],
            validate_only=True,
            min_revision=revision,
        )
        metadata = credentials(Strategy.REPLICA, self._shop.token("somebody"))
        give_up_at = time.monotonic() + WAIT_S
        while time.monotonic() < give_up_at:
            try:
                await self._orders.PlaceOrder(request, metadata=metadata, timeout=WAIT_S)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                    return True
            else:
                return True
        return False


def findings(found: list[Judged]) -> set[Finding]:
    """What the oracle says of any of them."""
    return {each.judgement.finding for each in found}


def broken(found: list[Judged]) -> set[Finding]:
    """What is beyond the stated bounds."""
    return {each.judgement.finding for each in found if each.judgement.broken}
