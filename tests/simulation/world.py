"""Plays one history from a seed: products, a network, orders with readers, and chaos."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from orders_svc.feed.follower import Follower
from orders_svc.feed.pace import Pace
from orders_svc.feed.steps import NOWHERE, Position
from orders_svc.replica.sink import ReplicaSink
from tests.simulation.history import Answered, History, Refused
from tests.simulation.keeper import Keeper, LmdbKeeper
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import LATE_S, Network
from tests.simulation.notes import Notes
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
        notes = Notes()
        return runner.run(World(seed, random, notes, LmdbKeeper(folder, notes)).play())


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

    def __init__(self, seed: int, random: Random, notes: Notes, keeper: Keeper) -> None:
        """`keeper` is where orders keeps its copy."""
        self._seed = seed
        self._random = random
        self._notes = notes
        self._keeper = keeper
        self._clock_is_set = random.random() < 0.3
        self._following: asyncio.Task[NoReturn] | None = None
        self._is_open = False

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
        await self._read(SUBJECTS[0], 0)
        await self._close()
        return History(self._seed, notes.records, LAG_BOUND_S, LATE_S, healed_at)

    async def _trouble(self) -> None:
        while self._notes.at < TROUBLED_S:
            await asyncio.sleep(self._random.expovariate(1.2))
            chaos = (*CHAOS, (self._keeper.suffers, World._suffer))
            ((_, act),) = self._random.choices(chaos, [weight for weight, _ in chaos])
            await act(self)

    async def _heal(self) -> None:
        self._notes.happened("all is well")
        self._network.healed = True
        self._notes.set_clock_right()
        self._source.start()
        if not self._is_open:
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
        if not self._is_open:
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

    async def _suffer(self) -> None:
        await self._keeper.suffer(self._random)

    # Orders.

    def _open(self) -> None:
        self._keeper.open(READERS_BOUND_S)
        self._is_open = True
        self._follow()

    def _follow(self) -> None:
        follower = Follower(
            self._network,
            ReplicaSink(self._keeper.writer, self._notes.clock),
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
        self._is_open = False
        await self._keeper.close()

    async def _crash(self) -> None:
        """As SIGKILL does: what is not begun is never done, last words are never said."""
        task, self._following = self._following, None
        assert task is not None, "somebody follows"
        self._is_open = False
        self._keeper.die()
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
        self._keeper.bury()

    async def _copy(self) -> Position:
        return await self._keeper.position() if self._is_open else NOWHERE

    # Readers.

    async def _read_on(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._random.uniform(0.05, 0.6))
            subject, newest = self._random.choice(SUBJECTS), self._source.position.revision
            patient = self._random.random() < 0.1
            min_revision = newest if patient else self._random.choice((0, 0, newest, newest + 3))
            if self._is_open:
                await self._read(subject, min_revision, patient=patient)

    async def _read(self, subject: str, min_revision: int, *, patient: bool = False) -> None:
        notes, keeper = self._notes, self._keeper
        read = keeper.read_patiently if patient else keeper.read
        try:
            found, meta = await read(subject, PRODUCT_IDS, min_revision)
        except (ReplicaNotReady, RevisionNotReached) as refusal:
            notes.records.append(Refused(notes.at, notes.clock(), str(refusal)))
        else:
            at, clock = notes.at, notes.clock()
            notes.records.append(
                Answered(at, clock, subject, PRODUCT_IDS, min_revision, found, meta)
            )


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
