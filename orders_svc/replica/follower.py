"""Keeps the copy up to date: runs the feed's stream, again and again, and does what `apply` says.

Each stream resumes from the position that the copy has on disk, so that a crash between two events
needs no care. A stream ends when the source closes it, when it breaks, when it shows that something
is missing, or when nothing useful has come for `silence_s`: a source that only repeats itself, or
one of a dead history, is as good as silent.

The lag counts from when the source looked for newer changes, by its clock, so that heartbeats which
waited in a suspended follower are as old as they are; and never from later than their arrival, so
that a clock ahead of ours hides no lag. From a source that names no time it counts from arrival.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import NoReturn, Protocol

from structlog.typing import FilteringBoundLogger

from orders_svc.replica.apply import (
    NOWHERE,
    Action,
    ApplyChanges,
    BeginSnapshot,
    CommitSnapshot,
    Ignore,
    MarkComplete,
    Progress,
    StageGrants,
    StartOver,
    Why,
    step,
)
from orders_svc.replica.store import SnapshotIncomplete
from orders_svc.replica.writer import ReplicaWriter, SnapshotLost
from shop.products.v1.products_pb2 import WatchAccessResponse
from waybill.errors import HistoryCompacted, UpstreamUnavailable


class Feed(Protocol):
    """Sends the entitlements and their changes."""

    def watch(self, epoch: int, resume_revision: int) -> AsyncGenerator[WatchAccessResponse, None]:
        """The events after `resume_revision` of `epoch`; a snapshot first where that is 0.

        Raises:
            HistoryCompacted: the changes after `resume_revision` are gone.
            UpstreamUnavailable: the stream broke.
        """
        ...


@dataclass(slots=True)
class Counters:
    """What has happened since the follower started."""

    applied: int = 0  # changes
    snapshots: int = 0
    heartbeats: int = 0
    ignored: Counter[Why] = field(default_factory=Counter)  # events, by why
    gaps: int = 0  # every time that the stream showed something missing
    compacted: int = 0
    lost_snapshots: int = 0
    silences: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """When to give a stream up, and how long to wait before the next; all in seconds.

    A source may need `first_event_s` to read the snapshot that it begins with, and never lets
    `silence_s` pass later on. The wait doubles from `backoff_s` to `max_backoff_s` and starts again
    after anything useful; chance takes up to half of it away, so that followers don't return in
    step. The state is logged every `report_every_s`.
    """

    silence_s: float = 3.0
    first_event_s: float = 10.0
    backoff_s: float = 0.1
    max_backoff_s: float = 5.0
    report_every_s: float = 10.0

    @classmethod
    def within(cls, lag_bound_s: float) -> "Pace":
        """A pace that gives a silent stream up while the copy is still within its bound.

        It looks for a source that is gone five times in that bound: until it is found again,
        nobody is served from a copy that is over its bound.
        """
        return cls(
            silence_s=min(0.6 * lag_bound_s, 30.0), max_backoff_s=min(0.2 * lag_bound_s, 5.0)
        )

    def wait_s(self, failures: int, chance: float) -> float:
        """The wait after this many failures in a row, with `chance` from 0 to 1."""
        longest = min(self.max_backoff_s, self.backoff_s * 2.0 ** min(failures, 30))
        return longest * (1 - chance / 2)


class Follower:
    """The one writer's loop; `run` ends only by cancellation."""

    def __init__(
        self,
        feed: Feed,
        writer: ReplicaWriter,
        *,
        log: FilteringBoundLogger,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Follow `feed` into `writer`, which stays the caller's to close.

        Args:
            feed: where events come from.
            writer: where they go.
            log: gets a line for each end of a stream, and one for the state now and then.
            pace: when to give a stream up, and when to come back.
            clock: the wall clock.
            chance: draws from 0 to below 1, for the back-off.
            sleep: how to wait between streams.
        """
        self._feed = feed
        self._writer = writer
        self._log = log
        self._pace = pace or Pace()
        self._clock = clock
        self._chance = chance
        self._sleep = sleep
        self.counters = Counters()
        self._needs_snapshot = False
        self._snapshot_began_at = 0.0
        self._reported_at = 0.0
        self._failures = 0

    async def run(self) -> NoReturn:
        """Follow until cancelled."""
        while True:
            await self._one_stream()
            self.counters.reconnects += 1
            await self._sleep(self._pace.wait_s(self._failures, self._chance()))
            self._failures += 1

    async def _one_stream(self) -> None:
        """Follow one stream to its end, whatever that is."""
        try:
            why = await self._follow_to_known_end()
            self._log.warning("replica_stream_ended", why=why, **await self._state())
        except Exception:  # noqa: BLE001 - a full disk or a bug must not end the following for ever
            self._log.exception("replica_follower_failed")
        finally:
            await self._writer.discard_snapshot()

    async def _follow_to_known_end(self) -> str:
        try:
            return await self._follow()
        except TimeoutError:
            self.counters.silences += 1
            return "silence"
        except HistoryCompacted:
            self.counters.compacted += 1
            self._needs_snapshot = True
            await self._writer.mark_incomplete()
            return "compacted"
        except (SnapshotIncomplete, SnapshotLost) as error:
            self.counters.lost_snapshots += 1
            self._needs_snapshot = True
            return f"snapshot dropped: {error}"
        except UpstreamUnavailable as error:
            return str(error)

    async def _follow(self) -> str:
        position = (await self._writer.meta()).position
        progress = Progress(position, self._needs_snapshot or position == NOWHERE)
        async with aclosing(self._feed.watch(*progress.resume)) as events:
            give_up_at = _in(self._pace.first_event_s)
            while (event := await _next(events, give_up_at)) is not None:
                arrived_at = self._clock()
                progress, action = step(progress, event)
                if isinstance(action, StartOver):
                    return await self._start_over(action)
                if isinstance(action, Ignore):
                    self._note(action.why)
                    continue
                await self._do(action, arrived_at)
                await self._report()
                self._failures = 0
                give_up_at = _in(self._pace.silence_s)
        return "closed by the source"

    async def _start_over(self, action: StartOver) -> str:
        self.counters.gaps += 1
        self._needs_snapshot = self._needs_snapshot or action.from_snapshot
        await self._writer.mark_incomplete()
        return action.trouble.value

    async def _do(self, action: Action, arrived_at: float) -> None:
        writer, counters = self._writer, self.counters
        match action:
            case ApplyChanges(position, changes):
                await writer.apply(position, changes)
                counters.applied += len(changes)
            case MarkComplete(looked_at):
                at = arrived_at if looked_at is None else min(looked_at, arrived_at)
                await writer.mark_complete(at)
                counters.heartbeats += 1
            case BeginSnapshot():
                await writer.begin_snapshot()
                self._snapshot_began_at = arrived_at  # what it shows may change from here on
            case StageGrants(revision, subject, grants):
                await writer.stage(revision, subject, grants)
            case CommitSnapshot(position, grant_count):
                await writer.commit_snapshot(position, grant_count, self._snapshot_began_at)
                counters.snapshots += 1
                self._needs_snapshot = False

    def _note(self, why: Why) -> None:
        self.counters.ignored[why] += 1
        if why is Why.SHORTER:
            self._log.error(
                "replica_source_is_behind",
                advice="products offers an older history under the same epoch; if it was restored "
                "from a backup, it needs a new epoch",
            )

    async def _report(self) -> None:
        """Log how the copy and the follower are doing, if the last time is long enough ago."""
        now = self._clock()
        if not 0 <= now - self._reported_at < self._pace.report_every_s:
            self._reported_at = now
            await self._writer.sweep()
            self._log.info("replica_status", **await self._state(), **asdict(self.counters))

    async def _state(self) -> dict[str, object]:
        meta = await self._writer.meta()
        return {**meta._asdict(), "lag_s": self._clock() - meta.synced_at if meta.epoch else None}


async def _next(
    events: AsyncGenerator[WatchAccessResponse, None], give_up_at: float
) -> WatchAccessResponse | None:
    """The next event, None at the end.

    Raises:
        TimeoutError: the event loop's time has come to `give_up_at`.
    """
    async with asyncio.timeout_at(give_up_at):
        return await anext(events, None)


def _in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
