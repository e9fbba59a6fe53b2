"""The store for a program that runs on an event loop.

Commits wait for the disk, so they happen in a thread, always the same one, as LMDB's write
transactions demand. Growing the map happens on the loop: nothing else of this process may be in a
transaction then, and readers on the loop never wait inside of one.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import lmdb

from orders_svc.feed.follower import SnapshotDropped
from orders_svc.feed.steps import Position
from orders_svc.replica.records import Meta
from orders_svc.replica.store import ReplicaStore
from shop.products.v1.products_pb2 import Change, Grant

Result = TypeVar("Result")

_STAGE_AT = 4096
"""Staged grants that are handed to the thread at once."""


class SnapshotLost(SnapshotDropped):
    """The staged snapshot did not fit; the map has grown, and the snapshot must come again."""


class ReplicaWriter:
    """Writes to the replica without blocking the event loop. One coroutine at a time uses it."""

    def __init__(self, store: ReplicaStore) -> None:
        """`store` is closed with the writer."""
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="replica-writer")
        self._waiting: list[tuple[str, Grant]] = []

    @property
    def environment(self) -> "lmdb.Environment":
        """For readers in this process."""
        return self._store.environment

    async def acquire(self) -> None:
        """It is the one writer since its store was opened."""

    async def meta(self) -> Meta:
        """What the copy is now."""
        return await self._in_thread(self._store.meta)

    async def apply(self, position: Position, changes: Sequence[Change]) -> None:
        """See `ReplicaStore.apply`; the map grows as needed."""
        await self._growing(lambda: self._store.apply(position, changes))

    async def mark_complete(self, synced_at: float) -> None:
        """See `ReplicaStore.mark_complete`."""
        await self._growing(lambda: self._store.mark_complete(synced_at))

    async def mark_incomplete(self) -> None:
        """See `ReplicaStore.mark_incomplete`."""
        await self._growing(self._store.mark_incomplete)

    async def begin_snapshot(self) -> None:
        """See `ReplicaStore.begin_snapshot`."""
        self._waiting.clear()
        await self._in_thread(self._store.begin_snapshot)

    async def stage(self, revision: int, subject: str, grants: Iterable[Grant]) -> None:
        """See `ReplicaStore.stage`.

        Raises:
            SnapshotLost: begin again.
        """
        self._waiting.extend((subject, grant) for grant in grants)
        if len(self._waiting) >= _STAGE_AT:
            await self._hand_over(revision)

    async def commit_snapshot(self, position: Position, grant_count: int, synced_at: float) -> None:
        """See `ReplicaStore.commit_snapshot`.

        Raises:
            SnapshotIncomplete: the staged snapshot has another count.
            SnapshotLost: begin again.
        """
        await self._hand_over(position.revision)
        await self._staging(lambda: self._store.commit_snapshot(position, grant_count, synced_at))

    async def discard_snapshot(self) -> None:
        """See `ReplicaStore.discard_snapshot`."""
        self._waiting.clear()
        await self._in_thread(self._store.discard_snapshot)

    async def sweep(self) -> None:
        """See `ReplicaStore.sweep`."""
        await self._in_thread(self._store.sweep)

    async def close(self) -> None:
        """Close the store, after the write under way."""
        await self._in_thread(self._store.close)
        self._thread.shutdown()

    async def _hand_over(self, revision: int) -> None:
        rows, self._waiting = self._waiting, []
        await self._staging(lambda: self._store.stage(revision, rows))

    async def _staging(self, write: Callable[[], None]) -> None:
        try:
            await self._in_thread(write)
        except lmdb.MapFullError as error:
            self._store.grow()
            raise SnapshotLost("the map was full and has grown") from error

    async def _growing(self, write: Callable[[], None]) -> None:
        while True:
            try:
                return await self._in_thread(write)
            except lmdb.MapFullError:
                self._store.grow()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
