"""The store as the service uses it: awaitable, off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from products_svc.issuing import Grant
from products_svc.store import leases, reads
from products_svc.store.continuity import Continuity
from products_svc.store.database import Database
from products_svc.store.snapshot import Snapshot
from products_svc.store.values import (
    Beginning,
    Change,
    Listing,
    Position,
    SubjectGrant,
    WantedGrant,
)
from products_svc.store.writer import Writer
from products_svc.threads import Threads
from waybill.errors import HistoryCompacted
from waybill.serving.sql import repeated

Args = ParamSpec("Args")
Result = TypeVar("Result")

READERS = 4
SNAPSHOTS = 4
CONNECTIONS = READERS + SNAPSHOTS + 3
"""Enough for every thread, every open snapshot, and a little more: none waits for another."""

SNAPSHOT_CHUNK = 1000


class Store:
    """The catalogue and the grants.

    Every method raises StorageUnavailable where the database does not answer.

    Args:
        database: where everything is; it is closed with the store.
        clock: seconds since the Unix epoch.
        history_changes: how many changes the history keeps.
        patience_s: how long a call waits for the database, whatever holds it up; None for ever.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        history_changes: int,
        *,
        patience_s: float | None = None,
    ) -> None:
        self._database = database
        self._commits = database.commits()
        self._clock = clock
        self._history_changes = history_changes
        self._continuity = Continuity()
        self._wrote = False  # since it was last asked: the sign of a commit may come after it
        self._readers = Threads(READERS, "store-read", patience_s)
        # Health and feed don't queue behind callers.
        self._lookout = Threads(1, "store-look", patience_s)
        # Waits its turn here rather than in the database.
        self._writer = Threads(1, "store-write", patience_s)
        self._snapshots = asyncio.Semaphore(SNAPSHOTS)

    async def position(self) -> Position:
        """Where the history stands."""
        _, position = await self._ask(self._lookout, _position)
        return position

    async def listing(self, subject: str, after: str, limit: int) -> Listing:
        """At most `limit` of the subject's products whose ids come after `after`."""
        asked_at = self._clock()
        listing, _ = await self._ask(self._readers, reads.listing, subject, after, limit)
        return replace(listing, asked_at=asked_at)

    async def listed(self, subject: str, product_id: str) -> Listing:
        """The one product, or none if the subject is not granted it."""
        listing, _ = await self._ask(self._readers, reads.listed, subject, product_id)
        return listing

    async def granted(
        self, subject: str, product_ids: Collection[str]
    ) -> tuple[tuple[Grant, ...], int]:
        """The subject's grants among `product_ids`, and the revision they were read at."""
        grants, position = await self._ask(self._readers, reads.granted, subject, product_ids)
        return grants, position.revision

    async def known_products(self, product_ids: Collection[str]) -> tuple[set[str], int]:
        """Which of `product_ids` the catalogue has, and the revision they were looked up at."""
        known, position = await self._ask(self._readers, reads.known_products, product_ids)
        return known, position.revision

    async def changes_after(self, revision: int, limit: int) -> tuple[Position, tuple[Change, ...]]:
        """The oldest changes after `revision`, at most `limit`, and where the history stands.

        Raises:
            HistoryCompacted: some of them are gone.
        """
        changes, position = await self._ask(self._lookout, _changes_after, revision, limit)
        return position, changes

    async def beginning(self, within_s: float) -> Beginning:
        """Where changes begin that were committed at most `within_s` seconds ago, or are left."""
        since_us = int((self._clock() - within_s) * 1_000_000)
        beginning, _ = await self._ask(self._lookout, reads.beginning, since_us)
        return beginning

    def may_have_changed(self) -> bool:
        """Whether anything may have been committed since the last time this was asked.

        Cheap, and waits for nothing.
        """
        wrote, self._wrote = self._wrote, False
        return self._commits.changed() or wrote

    async def grant(self, wanted: Sequence[WantedGrant]) -> int:
        """Make grants; returns the revision of the last change, the current one if none was needed.

        Raises:
            UnknownProducts: the catalogue lacks some of the products; nothing was changed.
        """
        return await self._write(lambda writer: writer.grant(wanted))

    async def revoke(self, subject: str, product_ids: Collection[str]) -> int:
        """Take grants away; returns a revision as `grant` does."""
        return await self._write(lambda writer: writer.revoke(subject, product_ids))

    async def take_lease(self, name: str, owner: str, lasts_s: float) -> bool:
        """Whether the lease `name` is `owner`'s now, for so many seconds."""
        now = self._clock()
        return await self._alone(lambda c: leases.take(c, name, owner, now, lasts_s))

    async def end_lease(self, name: str, owner: str) -> None:
        """Let another process take the lease, if it is `owner`'s."""
        await self._alone(lambda c: leases.end(c, name, owner))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["AsyncSnapshot"]:
        """A copy of all grants as of one revision. Waits while too many others are being read."""
        async with self._snapshots:
            snapshot = Snapshot(self._database, SNAPSHOT_CHUNK)
            try:
                yield AsyncSnapshot(snapshot, self._readers, self._continuity)
            finally:
                self._readers.start(snapshot.close)

    def close(self) -> None:
        """Finish what runs and close the database. Blocks for a moment."""
        for threads in (self._writer, self._lookout, self._readers):
            threads.close()
        self._commits.close()
        self._database.close()

    async def _ask(
        self,
        threads: Threads,
        question: Callable[Concatenate[Connection, Args], tuple[Result, Position]],
        *args: Args.args,
        **kwargs: Args.kwargs,
    ) -> tuple[Result, Position]:
        def ask() -> tuple[Result, Position]:
            with self._database.reading() as connection:
                return question(connection, *args, **kwargs)

        since = self._continuity.latest
        answer, position = await threads.run(repeated, ask)
        self._continuity.require(position, since)
        return answer, position

    async def _alone(self, change: Callable[[Connection], Result]) -> Result:
        """A change that is not part of the history."""

        def work() -> Result:
            with self._database.writing() as connection:
                return change(connection)

        return await self._writer.run(repeated, work)

    async def _write(self, change: Callable[[Writer], None]) -> int:
        since = self._continuity.latest

        def work() -> int:
            with self._database.writing() as connection:
                writer = Writer(connection, self._clock, self._history_changes)
                self._continuity.require(writer.position, since)
                change(writer)
                revision = writer.finish()
            self._continuity.require(replace(writer.position, revision=revision), since)
            return revision

        revision = await self._writer.run(repeated, work)
        self._wrote = True
        return revision


class AsyncSnapshot:
    """A snapshot that is read off the event loop, only as fast as it is asked for."""

    def __init__(self, snapshot: Snapshot, threads: Threads, continuity: Continuity) -> None:
        self._snapshot = snapshot
        self._threads = threads
        self._continuity = continuity

    async def start(self) -> Position:
        """As `Snapshot.start`."""
        since = self._continuity.latest
        position = await self._threads.run(self._snapshot.start)
        self._continuity.require(position, since)
        return position

    async def next_piece(self) -> Sequence[SubjectGrant]:
        """As `Snapshot.next_piece`."""
        return await self._threads.run(self._snapshot.next_piece)


def _position(connection: Connection) -> tuple[None, Position]:
    return None, reads.position(connection)


def _changes_after(
    connection: Connection, revision: int, limit: int
) -> tuple[tuple[Change, ...], Position]:
    position = reads.position(connection)
    if revision < position.floor:
        raise HistoryCompacted(f"revision {revision} is below {position.floor}")
    if revision >= position.revision:  # most often; one statement less
        return (), position
    return reads.changes_after(connection, revision, limit), position
