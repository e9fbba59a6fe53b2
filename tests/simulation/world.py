"""Plays one history from a seed: products, a network, orders with readers, and chaos."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from orders_svc.feed.follower import Follower
from orders_svc.feed.pace import Pace
from orders_svc.feed.steps import NOWHERE, Position
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.sink import ReplicaSink
from orders_svc.replica.writer import ReplicaWriter
from tests.simulation.history import Answered, History, Refused
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import LATE_S, Network
from tests.simulation.notes import Notes
from tests.simulation.recording import RecordingStore
from tests.simulation.source import PRODUCT_IDS, SUBJECTS, Source
from waybill.errors import ReplicaNotReady, RevisionNotReached

LAG_BOUND_S = 5.0
"""What is promised."""
READERS_BOUND_S = LAG_BOUND_S
"""What readers go by; the same, unless that is the mistake to be found."""
TROUBLED_S = 25.0
HEALING_S = 18.0


def play(seed: int, folder: Path) -> History:
    """The history of this seed; always the same one. `folder` takes the copy, and must be empty."""
    random = Random(seed)
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(lambda: _disk_s(random))) as runner:
        return runner.run(World(seed, random, folder).play())


def _disk_s(random: Random) -> float:
    return random.uniform(0.0001, 0.002) if random.random() < 0.98 else random.uniform(0.01, 0.5)


class Loud:
    """A log that passes over what a follower must expect, and fails at what it must not."""

    def warning(self, *_words: Any, **_facts: Any) -> None:
        """A stream has ended."""

    info = error = warning

    def exception(self, *_words: Any, **_facts: Any) -> NoReturn:
        """A bug: the exception under way goes on."""
        raise  # noqa: PLE0704 - called by a handler


class World:
    """One history under way. The order of all draws of `random` makes it."""

    def __init__(self, seed: int, random: Random, folder: Path) -> None:
        self._seed = seed
        self._random = random
        self._folder = folder
        self._notes = Notes()
        self._clock_is_set = random.random() < 0.3
        self._following: asyncio.Task[NoReturn] | None = None
        self._store: RecordingStore | None = None

    async def play(self) -> History:
        """Trouble, then healing."""
        notes = self._notes
        self._source = Source(notes, self._random)
        self._source.commit(self._random.choice((0, 3, 20)))
        self._network = Network(self._source, notes, self._random, self._copy)
        self._open()
        readers = [asyncio.create_task(self._read_on()) for _ in range(2)]
        await self._trouble()
        healed_at = notes.at
        await self._heal()
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
        for reader in readers:
            with suppress(asyncio.CancelledError):
                reader.result()
        self._read(SUBJECTS[0], 0)
        await self._close()
        return History(self._seed, notes.records, LAG_BOUND_S, LATE_S, healed_at)

    async def _trouble(self) -> None:
        while self._notes.at < TROUBLED_S:
            await asyncio.sleep(self._random.expovariate(1.2))
            likely = [weight for weight, _ in CHAOS]
            ((_, act),) = self._random.choices(CHAOS, likely)
            await act(self)

    async def _heal(self) -> None:
        self._notes.happened("all is well")
        self._network.healed = True
        self._notes.set_clock_right()
        self._source.start()
        if self._store is None:
            self._open()
        if self._following is None:
            self._follow()
        while not self._source.products.grants:
            self._source.commit(1)
        await asyncio.sleep(HEALING_S / 2)
        self._source.commit(2)
        while not self._source.products.grants:
            self._source.commit(1)
        await asyncio.sleep(HEALING_S / 2)

    # What chaos does.

    async def _commit(self) -> None:
        self._source.commit(self._random.choice((1, 1, 2, 5, 12)))

    async def _compact(self) -> None:
        self._source.compact()

    async def _back_up(self) -> None:
        self._source.back_up()

    async def _restart_products(self) -> None:
        self._source.stop()
        await asyncio.sleep(self._random.choice((0.1, 1.0, 4.0, 9.0)))
        self._source.start()

    async def _restore_products(self) -> None:
        self._source.stop()
        await asyncio.sleep(self._random.uniform(0.0, 6.0))
        self._source.restore()
        self._source.start()

    async def _empty_products(self) -> None:
        self._source.stop()
        await asyncio.sleep(self._random.uniform(0.0, 2.0))
        self._source.lose_everything()
        self._source.start()
        await asyncio.sleep(self._random.uniform(0.0, 8.0))
        if self._random.random() < 0.7:
            self._source.restore()

    async def _restart_orders(self) -> None:
        if self._store is None:
            return
        self._notes.happened("orders ends")
        await (self._close() if self._random.random() < 0.5 else self._crash())
        await asyncio.sleep(self._random.uniform(0.0, 3.0))
        self._notes.happened("orders begins")
        self._open()

    async def _pause_follower(self) -> None:
        self._notes.happened("nobody follows")
        await self._stop_following()
        await asyncio.sleep(self._random.choice((0.0, 0.5, 7.0)))
        self._notes.happened("somebody follows")
        self._follow()

    async def _set_clock(self) -> None:
        if self._clock_is_set:
            self._notes.set_clock(self._random.choice((-20.0, -3.0, -0.5, 0.5, 3.0, 20.0)))

    # Orders.

    def _open(self) -> None:
        self._store = RecordingStore(self._folder, self._notes)
        self._writer = ReplicaWriter(self._store)
        self._reader = ReplicaReader(
            OwnEnvironment(self._store.environment),
            lag_bound_s=READERS_BOUND_S,
            clock=self._notes.clock,
            timer=asyncio.get_running_loop().time,
        )
        self._follow()

    def _follow(self) -> None:
        follower = Follower(
            self._network,
            ReplicaSink(self._writer, self._notes.clock),
            name="replica",
            log=Loud(),  # type: ignore[arg-type]
            pace=Pace.within(LAG_BOUND_S),
            clock=self._notes.clock,
            chance=self._random.random,
        )
        self._following = asyncio.create_task(follower.run())

    async def _stop_following(self) -> None:
        task, self._following = self._following, None
        assert task is not None, "somebody follows"
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _close(self) -> None:
        await self._stop_following()
        self._store = None
        await self._writer.close()

    async def _crash(self) -> None:
        """As SIGKILL does: what the thread has not begun is never done."""
        task, store = self._following, self._store
        assert task is not None and store is not None, "it runs"  # noqa: PT018 - one thing
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.kill(self._writer._thread)
        self._store, self._following = None, None
        while not task.done():  # also out of its last words, which are never said
            task.cancel()
            await asyncio.sleep(0)
        store.close()

    def _copy(self) -> Position:
        return NOWHERE if self._store is None else self._store.meta().position

    # Readers.

    async def _read_on(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._random.uniform(0.05, 0.6))
            subject, newest = self._random.choice(SUBJECTS), self._source.position.revision
            if self._store is None:
                continue
            if self._random.random() < 0.9:
                self._read(subject, self._random.choice((0, 0, newest, newest + 3)))
            else:
                await self._read_patiently(subject, newest)

    def _read(self, subject: str, min_revision: int) -> None:
        try:
            self._told(subject, min_revision, self._reader.grants(subject, _ASKED, min_revision))
        except (ReplicaNotReady, RevisionNotReached) as refusal:
            self._refused(refusal)

    async def _read_patiently(self, subject: str, min_revision: int) -> None:
        try:
            found = await self._reader.grants_at(subject, _ASKED, min_revision, 0.2)
            self._told(subject, min_revision, found)
        except (ReplicaNotReady, RevisionNotReached) as refusal:
            self._refused(refusal)

    def _told(self, subject: str, min_revision: int, found: Any) -> None:
        assert self._store is not None
        at, clock, meta = self._notes.at, self._notes.clock(), self._store.meta()
        self._notes.records.append(Answered(at, clock, subject, _ASKED, min_revision, found, meta))

    def _refused(self, refusal: Exception) -> None:
        if self._store is not None:
            at, clock, meta = self._notes.at, self._notes.clock(), self._store.meta()
            self._notes.records.append(Refused(at, clock, str(refusal), meta))


_ASKED: Sequence[str] = PRODUCT_IDS
CHAOS = (
    (8, World._commit),
    (1, World._compact),
    (1, World._back_up),
    (1, World._restart_products),
    (1, World._restore_products),
    (1, World._empty_products),
    (2, World._restart_orders),
    (1, World._pause_follower),
    (1, World._set_clock),
)
