"""Where orders keeps its copy: what the world needs of it, and LMDB as that."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Protocol

from orders_svc.access import Grant
from orders_svc.feed.steps import Position
from orders_svc.replica.copy import CopyWriter
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.patience import Patience
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.records import Meta
from orders_svc.replica.status import Trust
from orders_svc.replica.writer import ReplicaWriter
from tests.simulation.loop import VirtualLoop
from tests.simulation.notes import Notes
from tests.simulation.recording import RecordingStore

Told = tuple[Mapping[str, Grant], Meta]
"""What a reader was told, and the copy that told it."""


class Keeper(Protocol):
    """One copy, with everything that is written to it written down.

    `suffers` is how often something happens to it, beside the other things that happen.
    """

    suffers: int

    @property
    def writer(self) -> CopyWriter:
        """Of the orders service that has begun last."""
        ...

    def open(self, lag_bound_s: float) -> None:
        """Orders begins, with readers that go by this bound."""
        ...

    async def close(self) -> None:
        """Orders ends in order, once nobody follows."""
        ...

    def die(self) -> None:
        """Orders is killed: nothing that it has not begun is done any more."""
        ...

    def bury(self) -> None:
        """Nobody follows any more after `die`."""
        ...

    async def position(self) -> Position:
        """Where the copy is."""
        ...

    async def read(self, subject: str, asked: Sequence[str], min_revision: int) -> Told:
        """What a reader is told at once, or its refusal."""
        ...

    async def read_patiently(self, subject: str, asked: Sequence[str], min_revision: int) -> Told:
        """The same of one who waits for the revision."""
        ...

    async def suffer(self, random: Random) -> None:
        """What can happen to this keeper only."""
        ...


class LmdbKeeper:
    """The copy in a folder, which nothing happens to."""

    suffers = 0

    def __init__(self, folder: Path, notes: Notes) -> None:
        self._folder = folder
        self._notes = notes

    def open(self, lag_bound_s: float) -> None:
        self._store = RecordingStore(self._folder, self._notes)
        self.writer = ReplicaWriter(self._store)
        self._reader = ReplicaReader(
            OwnEnvironment(self._store.environment),
            Trust(lag_bound_s, self._notes.clock),
            Patience(timer=asyncio.get_running_loop().time),
        )

    async def close(self) -> None:
        await self.writer.close()

    def die(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.kill(self.writer._thread)

    def bury(self) -> None:
        self._store.close()

    async def position(self) -> Position:
        return self._store.meta().position

    async def read(self, subject: str, asked: Sequence[str], min_revision: int) -> Told:
        return self._reader.grants(subject, asked, min_revision), self._store.meta()

    async def read_patiently(self, subject: str, asked: Sequence[str], min_revision: int) -> Told:
        found = await self._reader.grants_at(subject, asked, min_revision, 0.2)
        return found, self._store.meta()

    async def suffer(self, random: Random) -> None:
        """Files stay."""
