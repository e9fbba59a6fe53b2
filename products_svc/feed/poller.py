"""One look at the history for all watchers of a process.

Commits of this process wake it at once; those of other processes it finds by polling. The newest
changes are kept for the watchers, who all want the same ones; a watcher further behind reads the
table. While nobody watches nothing is polled.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from products_svc.feed.messages import change_message
from products_svc.store.values import Change, Position
from shop.products.v1 import products_pb2 as pb
from waybill.errors import ShuttingDown, StorageUnavailable


class History(Protocol):
    """What the poller asks of the store; each awaited call may raise StorageUnavailable."""

    def may_have_changed(self) -> bool:
        """Whether anything may have been committed since the last time this was asked."""
        ...

    async def position(self) -> Position:
        """Where the history stands."""
        ...

    async def changes_after(self, revision: int, limit: int) -> tuple[Position, tuple[Change, ...]]:
        """The oldest changes after `revision`, and where the history stands."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, and how much to take at a time.

    `poll_s` bounds how late commits of other processes are seen, in seconds; `heartbeat_s` is the
    time between heartbeats; `batch` is most changes in one message; `recent` is how many changes
    are kept in memory for all watchers together; `stall_s` is how long one message may stay unread.
    """

    poll_s: float = 0.025
    heartbeat_s: float = 0.25
    batch: int = 1000
    recent: int = 10_000
    stall_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of the history at one look. `beat` rises when a heartbeat is due."""

    epoch: int
    revision: int
    beat: int


class Poller:
    """Follows the end of the history while anybody watches. Belongs to one event loop."""

    def __init__(
        self, history: History, pace: Pace, clock: Callable[[], float] = time.time
    ) -> None:
        self._history = history
        self._pace = pace
        self._clock = clock
        self._looked_at = 0.0
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._tail: Tail | None = None
        self._recent: deque[pb.Change] = deque(maxlen=pace.recent)
        self._looked = asyncio.Event()
        self._wake = asyncio.Event()
        self._closed = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keeps the poller going.

        Raises:
            ShuttingDown: it is closed.
        """
        if self._closed:
            raise ShuttingDown
        self._watchers += 1
        if self._task is None or self._task.done():
            self._start()
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._stop()

    async def look(self, seen: Tail | None) -> Tail:
        """The tail, once it is another than `seen`.

        Raises:
            StorageUnavailable: the database did not answer, or its history went backwards.
            ShuttingDown: the poller was closed.
        """
        while True:
            if self._closed:
                raise ShuttingDown
            if self._task is not None and self._task.done():
                self._task.result()
            if self._tail is not None and self._tail is not seen:
                return self._tail
            await self._looked.wait()

    def recent_after(self, revision: int) -> Sequence[pb.Change] | None:
        """Changes right after `revision`, at most a batch; None if memory reaches not that far."""
        if not self._recent or self._recent[0].revision > revision + 1:
            return None
        first = revision + 1 - self._recent[0].revision
        end = min(first + self._pace.batch, len(self._recent))
        return [self._recent[index] for index in range(first, end)]

    def stands_at(self, revision: int) -> bool:
        """Whether the newest look found the history at `revision`."""
        return self._tail is not None and self._tail.revision == revision

    @property
    def looked_at(self) -> float:
        """When the newest look began, in seconds since the Unix epoch."""
        return self._looked_at

    def wake(self) -> None:
        """Look now: this process has committed a change."""
        self._wake.set()

    async def close(self) -> None:
        """Stop; watchers get ShuttingDown."""
        self._closed = True
        task = self._task
        self._stop()
        if task is not None:
            await asyncio.wait({task})  # what it ended with is its watchers' to hear

    def _start(self) -> None:
        self._tail = None
        self._recent.clear()
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="feed-poller")
        self._task.add_done_callback(self._ended)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None
        self._tell()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # seen, even if nobody watches any more
        self._tell()

    def _tell(self) -> None:
        """Let every waiting watcher look again."""
        self._looked.set()
        self._looked = asyncio.Event()

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        position = await self._history.position()
        tail = Tail(position.epoch, position.revision, beat=0)
        beat_at = clock()
        while True:
            beats = clock() >= beat_at
            # Asked before reading, so that a later commit is news again. A beat says where the
            # history stands, so it is looked up for each, whatever the sign says.
            if self._history.may_have_changed() or beats:
                tail = await self._advance(tail)
            if beats:
                tail = Tail(tail.epoch, tail.revision, tail.beat + 1)
                beat_at = clock() + self._pace.heartbeat_s
            if tail != self._tail:
                self._tail = tail
                self._tell()
            await self._rest()

    async def _advance(self, tail: Tail) -> Tail:
        """Takes in all changes after `tail`; returns the new one."""
        while True:
            looked_at = self._clock()
            position, changes = await self._history.changes_after(tail.revision, self._pace.batch)
            if position.epoch != tail.epoch or position.revision < tail.revision:
                raise StorageUnavailable("the history was replaced under the running service")
            self._recent.extend(map(change_message, changes))
            if changes:
                tail = Tail(tail.epoch, changes[-1].revision, tail.beat)
            if tail.revision == position.revision:
                self._looked_at = looked_at
                return tail

    async def _rest(self) -> None:
        # A timer that sets the event, not a timeout: that one cancels and raises, forty times a
        # second for as long as anybody watches.
        timer = asyncio.get_running_loop().call_later(self._pace.poll_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        self._wake.clear()
