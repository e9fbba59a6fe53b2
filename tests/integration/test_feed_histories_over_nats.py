"""Histories of the feed over a real NATS server, in real time, held to the rules of any history.

Products, publisher, server, consumers and followers are as they are; what happens to them is drawn
from the run's seed. Real time makes no history the same twice, so a seed says what was done here,
and no more. A copy follows, and a process that keeps revocations.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from math import inf
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from nats.js.errors import NotFoundError

from loadtest.nats import NatsServer
from orders_svc.feed.follower import Feed, Follower, started
from orders_svc.feed.jetstream import JetStreamFeed
from orders_svc.feed.pace import Pace
from orders_svc.feed.steps import Position
from orders_svc.products_client import ProductsClient, TokenFile, open_channel
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.sink import ReplicaSink
from orders_svc.replica.status import Trust
from orders_svc.replica.writer import ReplicaWriter
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.nats_kit import CONSUMER, Worker, begun, operating
from tests.products_kit import Lab, Service
from tests.simulation.checker import violations
from tests.simulation.history import Answered, Asked, Committed, History, Refused
from tests.simulation.notes import BEGAN, Notes
from tests.simulation.recording import RecordingStore
from tests.simulation.scratch import VARIABLE, first_seed
from tests.simulation.world import Loud
from waybill.errors import ReplicaNotReady

if TYPE_CHECKING:
    from waybill.values import VerifiedState

pytestmark = pytest.mark.engines

STREAM = "access"
SUBJECTS = ("ada", "bob")
PRODUCT_IDS = ("1", "2", "3")
LAG_BOUND_S = 5.0
DEEDS = 30


class RealNotes(Notes):
    """In real time, also in threads."""

    @property
    def at(self) -> float:
        return time.time() - BEGAN


class World:
    """Products with its publisher, NATS, and a copy that is followed over it."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.random = random
        self.notes = RealNotes()
        self.lab = Lab(folder)
        self.lab.clock = self.notes.true_clock  # type: ignore[assignment]  # is called, no more
        self.grants: dict[tuple[str, str], tuple[int, int]] = {}
        self.losses: list[tuple[str, int, float]] = []
        self.listed: list[VerifiedState[None]] = []
        self.believed: list[str] = []
        self.nats = NatsServer(folder / "nats")
        self.store = RecordingStore(folder / "replica", self.notes)
        self.writer = ReplicaWriter(self.store)
        self.reader = ReplicaReader(
            OwnEnvironment(self.store.environment), Trust(LAG_BOUND_S, self.notes.clock)
        )

    async def run(self) -> History:
        notes = self.notes
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.writer.close)
            self.nats.__enter__()
            stack.callback(self._stop_nats)
            service = self.lab.service(feed_url=self.nats.url, feed_stream=STREAM)
            self.products: Service = await stack.enter_async_context(service)
            self.epoch = await self._epoch()
            notes.records.append(Committed(notes.at, Position(self.epoch, 0), {}))
            await begun(self.nats.url, STREAM)
            self.worker = Worker(self.nats.url, STREAM, notes.clock, Loud())  # type: ignore[arg-type]
            await self._commit()
            for _ in range(DEEDS // 6):
                async with self._following():
                    for _ in range(6):
                        await self.random.choice(self._deeds())()
                        self._read()
                        await asyncio.sleep(self.random.uniform(0.0, 0.15))
                await self.random.choice((self._commit, self._lose_a_message))()
            healed_at = notes.at
            async with self._following():
                await self._commit()
                await self._until_there()
                await self.worker.until(self.worker.issued("ada", self._newest().revision), "ok")
        return History(first_seed(), notes.records, LAG_BOUND_S, 1.0, healed_at)

    def _stop_nats(self) -> None:
        self.nats.stop()  # the one that runs by then

    def _deeds(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        usual = (self._commit,) * 6
        return (*usual, self._lose_a_message, self._forget_the_place, self._restart, self._delete)

    async def _commit(self) -> None:
        """One change; a grant that is there is changed, or taken away."""
        key = (self.random.choice(SUBJECTS), self.random.choice(PRODUCT_IDS))
        if key in self.grants and self.random.random() < 0.5:
            revision = await self.products.revoke(*key)
            del self.grants[key]
            self.losses.append((key[0], revision, self.notes.clock()))
        else:
            most = self.grants.get(key, (0, 0))[0] + 1
            revision = await self.products.grant(
                *key, max_quantity=most, unit_price_micros=100 * most
            )
            self.grants[key] = (most, 100 * most)
        position = Position(self.epoch, revision)
        self.notes.records.append(Committed(self.notes.at, position, dict(self.grants)))
        self.listed += [self.worker.issued(subject, revision) for subject in SUBJECTS]

    async def _lose_a_message(self) -> None:
        async with operating(self.nats.url) as js:
            with suppress(NotFoundError):
                last = await js.get_last_msg(STREAM, f"{STREAM}.changes")
                assert last.seq is not None
                await js.delete_msg(STREAM, last.seq)

    async def _forget_the_place(self) -> None:
        async with operating(self.nats.url) as js:
            with suppress(NotFoundError):
                await js.delete_consumer(STREAM, CONSUMER)

    async def _delete(self) -> None:
        async with operating(self.nats.url) as js:
            with suppress(NotFoundError):
                await js.delete_stream(STREAM)

    async def _restart(self) -> None:
        port, forgets = self.nats.port, self.random.random() < 0.5
        await asyncio.to_thread(self.nats.stop)
        if forgets:
            self.nats.forget()
        await self._commit()
        self.nats = NatsServer(self.lab.folder / "nats", port=port)
        await asyncio.to_thread(self.nats.__enter__)

    def _read(self) -> None:
        self._read_copy()
        self._check_listed()

    def _read_copy(self) -> None:
        notes, subject = self.notes, self.random.choice(SUBJECTS)
        with self.store.turn:  # the follower writes in a thread
            at, clock = notes.at, notes.clock()  # before it is asked: this process may be held up
            try:
                found = self.reader.grants(subject, PRODUCT_IDS)
            except ReplicaNotReady as refusal:
                notes.records.append(Refused(at, clock, str(refusal)))
            else:
                meta = self.store.meta()
                notes.records.append(Answered(at, clock, subject, PRODUCT_IDS, 0, found, meta))

    def _check_listed(self) -> None:
        """Write down what is believed although its loss was told, or was so long ago."""
        now, known = self.notes.clock(), self.worker.known
        told_at = -inf if known.lag_s is None else now - known.lag_s
        for state in self.listed:
            if self.worker.outcome(state) == "ok":
                self.believed += [
                    f"{state.subject} of {state.revision}, lost at {revision}"
                    for subject, revision, lost_at in self.losses
                    if subject == state.subject
                    and revision > state.revision
                    and lost_at < max(told_at, now - LAG_BOUND_S)
                ]

    async def _until_there(self) -> None:
        """Once more as a reader who goes by what is committed."""
        async with asyncio.timeout(30):
            while True:
                self._read()
                last = self.notes.records[-1]
                if isinstance(last, Answered) and last.meta.position == self._newest():
                    return
                await asyncio.sleep(0.05)

    def _newest(self) -> Position:
        committed = [each for each in self.notes.records if isinstance(each, Committed)]
        return committed[-1].position

    async def _epoch(self) -> int:
        watch = self.products.watch()
        try:
            return int((await watch.read()).epoch)
        finally:
            watch.cancel()  # left unread it would hold up the other calls of its connection

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        token = self.lab.folder / "service-token"
        token.write_text(str(self.lab.credential("orders", "service")[1]).removeprefix("Bearer "))
        channel = open_channel(f"127.0.0.1:{self.products.port}")
        products = ProductsClient(channel, TokenFile(token))
        over_nats = JetStreamFeed(self.nats.url, STREAM, CONSUMER, products)
        log: Any = Loud()
        follower = Follower(
            Noted(over_nats, self.store, self.notes),
            ReplicaSink(self.writer, self.notes.clock),
            name="replica",
            log=log,
            pace=Pace(silence_s=1.0, backoff_s=0.02, max_backoff_s=0.1),
            clock=self.notes.clock,
        )
        stop = started(follower)
        try:
            async with self.worker.following():
                yield
        finally:
            await stop()
            await products.close()


class Noted:
    """A feed of which is written down what was asked."""

    def __init__(self, feed: Feed, store: RecordingStore, notes: Notes) -> None:
        self._feed = feed
        self._store = store
        self._notes = notes

    def watch(self, epoch: int, resume_revision: int) -> AsyncGenerator[WatchAccessResponse, None]:
        asked = Asked(self._notes.at, self._store.meta().position, Position(epoch, resume_revision))
        self._notes.records.append(asked)
        return self._feed.watch(epoch, resume_revision)


async def test_a_history_over_nats_is_as_it_must_be(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    world = World(tmp_path, Random(first_seed()))
    world.lab.fill(list(PRODUCT_IDS))
    wrong = violations(await world.run())
    assert not wrong, f"{VARIABLE}={first_seed()}: {wrong[0]}"
    assert not world.believed, f"{VARIABLE}={first_seed()}: {world.believed[0]}"
