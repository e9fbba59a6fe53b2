"""What one watcher is sent."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Protocol

from products_svc.feed import messages
from products_svc.feed.poller import History, Pace, Poller, Tail
from products_svc.feed.stall import unless_stalled
from products_svc.store.values import Beginning, Position, SubjectGrant
from shop.products.v1 import products_pb2 as pb
from waybill.errors import HistoryCompacted, StorageUnavailable

Stream = AsyncGenerator[pb.WatchAccessResponse, None]


class Copy(Protocol):
    """All grants as of one revision."""

    async def start(self) -> Position:
        """Begin; the copy is of the position returned."""
        ...

    async def next_piece(self) -> Sequence[SubjectGrant]:
        """The next grants in order; empty after the last."""
        ...


class Source(History, Protocol):
    """What the feed asks of the store."""

    def snapshot(self) -> AbstractAsyncContextManager[Copy]:
        """A copy of all grants."""
        ...

    async def beginning(self, within_s: float) -> Beginning:
        """Where changes begin that were committed at most `within_s` seconds ago, or are left."""
        ...


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The last revision that a watcher has been sent."""

    epoch: int
    revision: int


class Feed:
    """Streams the grants to any number of watchers. Belongs to one event loop.

    A watcher is sent what it asks for next and nothing waits for it in a queue: one that reads
    slowly falls behind in the table, and below the compacted history is told so.
    """

    def __init__(self, source: Source, pace: Pace, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the Unix epoch, for those who want to know their lag."""
        self._source = source
        self._pace = pace
        self._poller = Poller(source, pace, clock)

    def wake(self) -> None:
        """This process has committed a change."""
        self._poller.wake()

    async def close(self) -> None:
        """End all streams with ShuttingDown."""
        await self._poller.close()

    def watch(self, epoch: int, resume_revision: int, within_s: float | None = None) -> Stream:
        """A snapshot unless the caller's history can be resumed, then changes for ever.

        Another epoch than the database's gets a snapshot. So does a revision that the database has
        not reached: it was restored from a backup, and what the caller knows never happened. With
        `within_s` the changes of so many seconds, as far as they are left, come instead of any
        snapshot, and instead of HistoryCompacted at the start.

        Raises:
            HistoryCompacted: the changes after `resume_revision` are gone, or went while the
                watcher was too slow.
            StorageUnavailable: the database does not answer.
            ShuttingDown: the process drains.
        """
        return unless_stalled(self._watched(epoch, resume_revision, within_s), self._pace.stall_s)

    async def position(self) -> Position:
        """Where the history stands."""
        return await self._source.position()

    async def follow(self, epoch: int, revision: int) -> Stream:
        """Changes after `revision` for ever, and heartbeats; no snapshot, whatever happens.

        Raises:
            HistoryCompacted: the changes after `revision` are gone.
            StorageUnavailable: the database does not answer, or has another history.
            ShuttingDown: the process drains.
        """
        with self._poller.watching():
            async with aclosing(self._followed(_Cursor(epoch, revision))) as followed:
                async for message in followed:
                    yield message

    async def _watched(self, epoch: int, resume_revision: int, within_s: float | None) -> Stream:
        with self._poller.watching():
            cursor = await self._resumed(epoch, resume_revision, within_s)
            if cursor is None and within_s is not None:
                beginning = await self._source.beginning(within_s)
                yield messages.changes_start(beginning)
                cursor = _Cursor(beginning.epoch, beginning.revision)
            if cursor is None:
                async with self._source.snapshot() as copy:
                    position = await copy.start()
                    async with aclosing(_copied(copy, position)) as copied:
                        async for message in copied:
                            yield message
                cursor = _Cursor(position.epoch, position.revision)
            async with aclosing(self._followed(cursor)) as followed:
                async for message in followed:
                    yield message

    async def _resumed(self, epoch: int, revision: int, within_s: float | None) -> _Cursor | None:
        """Where to go on; None if the watcher must begin."""
        position = await self._source.position()
        if not revision or epoch != position.epoch or revision > position.revision:
            return None
        if revision < position.floor:
            if within_s is not None:
                return None
            raise HistoryCompacted(f"revision {revision} is below {position.floor}")
        return _Cursor(epoch, revision)

    async def _followed(self, cursor: _Cursor) -> Stream:
        """Changes after `cursor`, and a heartbeat at each beat if the watcher has them all."""
        seen: Tail | None = None
        beat = 0
        while True:
            seen = await self._poller.look(seen)
            _require_epoch(seen.epoch, cursor)
            while cursor.revision < seen.revision:
                changes = await self._changes_after(cursor)
                yield messages.change_batch(cursor.epoch, cursor.revision, changes)
                cursor = _Cursor(cursor.epoch, changes[-1].revision)
            # Sending may have taken long, and a heartbeat speaks of now: the newest look counts.
            if seen.beat > beat and self._poller.stands_at(cursor.revision):
                beat = seen.beat
                yield messages.heartbeat(cursor.epoch, cursor.revision, self._poller.looked_at)

    async def _changes_after(self, cursor: _Cursor) -> Sequence[pb.Change]:
        """The next changes: from memory, or for a watcher further behind from the table."""
        recent = self._poller.recent_after(cursor.revision)
        if recent is not None:
            return recent
        position, changes = await self._source.changes_after(cursor.revision, self._pace.batch)
        _require_epoch(position.epoch, cursor)
        return [messages.change_message(change) for change in changes]


async def _copied(copy: Copy, position: Position) -> Stream:
    """The whole copy as messages."""
    yield messages.snapshot_start(position)
    count = 0
    while piece := await copy.next_piece():
        count += len(piece)
        for message in messages.snapshot_grants(position, piece):
            yield message
    yield messages.snapshot_end(position, count)


def _require_epoch(epoch: int, cursor: _Cursor) -> None:
    """Ends a stream whose history was replaced; the watcher comes back and gets a snapshot."""
    if epoch != cursor.epoch:
        raise StorageUnavailable("the history was replaced under the running service")
