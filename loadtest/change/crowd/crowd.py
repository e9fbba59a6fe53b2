"""All customers of a job, at their rates, until they are told to stop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain, count, cycle
from random import Random

from loadtest.change.crowd.customer import Channels, Customer
from loadtest.change.crowd.unknown_keys import under_unknown_key
from loadtest.change.crowd.values import Job, Kind, Outcome
from waybill.strategy import Strategy

Act = Callable[[], Awaitable[str]]


class Crowd:
    """The customers of all strategies. Belongs to one event loop."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._channels: list[Channels] = []
        self._returning = {strategy: self._some(strategy) for strategy in job.strategies}
        self._new = {s: self._customer(s, Kind.NEW, job.tokens[0]) for s in job.strategies}
        self._strangers = {
            s: self._customer(s, Kind.STRANGER, job.stranger_token) for s in job.strategies
        }
        self._forgers = {s: self._customer(s, Kind.FORGER, job.tokens[0]) for s in job.strategies}
        self._random = Random(job.seed)  # noqa: S311 - repeatable, not secret
        self._begun: set[asyncio.Task[None]] = set()
        self.outcomes: list[Outcome] = []
        """What became of the calls, in the order of their answers."""

    async def prepare(self) -> None:
        """Let everybody list who has to.

        Raises:
            grpc.RpcError: the products service refused.
            ValueError: a customer has nothing to order.
        """
        for customer in chain.from_iterable(self._returning.values()):
            await customer.list()
            if not customer.page.product_ids:
                raise ValueError("a customer has no grants")

    async def run(self, stop: asyncio.Event) -> None:
        """Make calls until `stop`, and wait for their answers."""
        async with _together(self._streams(stop)):
            await stop.wait()
        await asyncio.gather(*self._begun)

    async def close(self) -> None:
        """Let go of all connections."""
        for channels in self._channels:
            await channels.close()

    def _some(self, strategy: Strategy) -> list[Customer]:
        return [self._customer(strategy, Kind.RETURNING, token) for token in self._job.tokens]

    def _customer(self, strategy: Strategy, kind: Kind, token: str) -> Customer:
        job, number = self._job, len(self._channels)
        channels = Channels(job.orders_target, job.products_target)
        self._channels.append(channels)
        names = count()
        return Customer(
            channels,
            strategy,
            token,
            page_size=job.page_size,
            timeout_s=job.timeout_s,
            request_ids=lambda: f"{strategy}.{kind}.{number}.{next(names)}",
            random=Random(f"{job.seed} {number}"),  # noqa: S311 - repeatable, not secret
        )

    def _streams(self, stop: asyncio.Event) -> Sequence[Awaitable[None]]:
        """Endless work: calls of each kind for each strategy, and listing anew."""
        streams: list[Awaitable[None]] = []
        for strategy in self._job.strategies:
            acts = self._acts(strategy).items()
            streams += [self._arrivals(stop, strategy, kind, act) for kind, act in acts]
            streams.append(self._listing(stop, strategy))
        return streams

    def _acts(self, strategy: Strategy) -> Mapping[Kind, Act]:
        """How a call of each kind is made."""
        returning, stranger = self._returning[strategy], self._strangers[strategy]
        forger = self._forgers[strategy]
        turns = cycle(returning)
        return {
            Kind.RETURNING: lambda: next(turns).order_and_heed(),
            Kind.NEW: self._new[strategy].list_and_order,
            Kind.STRANGER: lambda: stranger.order_from(
                replace(returning[0].page, credentials=stranger.credentials)
            ),
            Kind.FORGER: lambda: forger.order_from(
                under_unknown_key(returning[0].page, self._random)
            ),
        }

    async def _arrivals(
        self, stop: asyncio.Event, strategy: Strategy, kind: Kind, act: Act
    ) -> None:
        """Calls at fixed times, however long the answers take."""
        rate = self._job.rates_per_s.get(kind, 0)
        if not rate:
            return
        place = self._job.strategies.index(strategy) / len(self._job.strategies)
        due = time.time() + place / rate
        while not stop.is_set():
            await asyncio.sleep(max(0, due - time.time()))
            task = asyncio.create_task(self._call(strategy, kind, act, due))
            self._begun.add(task)
            task.add_done_callback(self._forget)
            due += 1 / rate

    async def _call(self, strategy: Strategy, kind: Kind, act: Act, due: float) -> None:
        late_s = time.time() - due
        text = await act()
        took_s = time.time() - due
        self.outcomes.append(Outcome(strategy, kind, due, late_s, took_s, text))

    def _forget(self, task: asyncio.Task[None]) -> None:
        """A call that has its answer; one that failed otherwise is kept, for `run` to fail."""
        if task.cancelled() or task.exception() is None:
            self._begun.discard(task)

    async def _listing(self, stop: asyncio.Event, strategy: Strategy) -> None:
        """The customers list anew, one after another, each of them every `list_again_s`."""
        every_s = self._job.list_again_s
        customers = self._returning[strategy]
        turns = cycle(customers)
        while every_s is not None and not stop.is_set():
            await asyncio.sleep(every_s / len(customers))
            next(turns).list_soon()


@asynccontextmanager
async def _together(works: Sequence[Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
