"""Keeps a sink up to date: runs the feed's stream, again and again, and has done what `steps` says.

Each stream resumes from the position that the sink has, so that a crash between two events needs no
care. A stream ends when the source closes it, when it breaks, when it shows that something
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
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field
from typing import NoReturn, Protocol

from structlog.typing import FilteringBoundLogger

from orders_svc.feed.pace import Pace
from orders_svc.feed.steps import (
    NOWHERE,
    ApplyChanges,
    BeginChanges,
    CommitSnapshot,
    Deed,
    Ignore,
    MarkComplete,
    Position,
    Progress,
    StartOver,
    Why,
    step,
)
from shop.products.v1.products_pb2 import WatchAccessResponse
from waybill.cancelling import heeding_cancellation
from waybill.errors import HistoryCompacted, UpstreamUnavailable


class SnapshotDropped(Exception):
    """What was staged is lost or not whole; the snapshot must come again."""


class SinkUnavailable(Exception):
    """What is kept cannot be written now, or is not what it was; the next stream looks anew."""


class Feed(Protocol):
    """Sends the entitlements and their changes."""

    def watch(self, epoch: int, resume_revision: int) -> AsyncGenerator[WatchAccessResponse, None]:
        """The events after `resume_revision` of `epoch`; a snapshot first where that is 0.

        Raises:
            HistoryCompacted: the changes after `resume_revision` are gone.
            UpstreamUnavailable: the stream broke.
        """
        ...


class Sink(Protocol):
    """What is kept by the feed. One coroutine at a time uses it.

    All but `discard_snapshot` may raise `SinkUnavailable`.
    """

    whole: bool
    """Whether it is a copy, which must begin with a snapshot."""

    async def position(self) -> Position:
        """Up to where everything is known; `NOWHERE` if nothing is. A stream begins with it."""
        ...

    async def do(self, deed: Deed, at: float) -> None:
        """What an event means, which held at `at` by the wall clock.

        Raises:
            SnapshotDropped: the snapshot that is under way must come again.
        """
        ...

    async def mark_incomplete(self) -> None:
        """Changes are known to be missing."""
        ...

    async def discard_snapshot(self) -> None:
        """The stream has ended: drop a snapshot that is under way."""
        ...

    async def tidy(self) -> None:
        """Called now and then, for what need not be done at once."""
        ...

    async def state(self) -> Mapping[str, object]:
        """How it is doing, for the log."""
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


class Follower:
    """The loop of one sink; `run` ends only by cancellation."""

    def __init__(  # noqa: PLR0913 (settings, by name)
        self,
        feed: Feed,
        sink: Sink,
        *,
        name: str,
        log: FilteringBoundLogger,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Follow `feed` into `sink`, which stays the caller's to close.

        Args:
            feed: where events come from.
            sink: where they go.
            name: what the events of the log begin with.
            log: gets a line for each end of a stream, and one for the state now and then.
            pace: when to give a stream up, and when to come back.
            clock: the wall clock.
            chance: draws from 0 to below 1, for the back-off.
            sleep: how to wait between streams.
        """
        self._feed = feed
        self._sink = sink
        self._name = name
        self._log = log
        self._pace = pace or Pace()
        self._clock = clock
        self._chance = chance
        self._sleep = sleep
        self.counters = Counters()
        self._needs_snapshot = False
        self._reported_at = 0.0
        self._failures = 0

    async def run(self) -> NoReturn:
        """Follow until cancelled."""
        while True:
            with heeding_cancellation():
                await self._one_stream()
            self.counters.reconnects += 1
            await self._sleep(self._pace.wait_s(self._failures, self._chance()))
            self._failures += 1

    async def _one_stream(self) -> None:
        """Follow one stream to its end, whatever that is."""
        try:
            why = await self._follow_to_known_end()
            state = await self._sink.state()
            self._log.warning(f"{self._name}_stream_ended", why=why, **state)
        except SinkUnavailable as error:
            self._log.warning(f"{self._name}_stream_ended", why=str(error))
        except Exception:  # noqa: BLE001 - a full disk or a bug must not end the following for ever
            self._log.exception(f"{self._name}_follower_failed")
        finally:
            await self._sink.discard_snapshot()

    async def _follow_to_known_end(self) -> str:
        try:
            return await self._follow()
        except TimeoutError:
            self.counters.silences += 1
            return "silence"
        except HistoryCompacted:
            self.counters.compacted += 1
            self._needs_snapshot = True
            await self._sink.mark_incomplete()
            return "compacted"
        except SnapshotDropped as error:
            self.counters.lost_snapshots += 1
            self._needs_snapshot = True
            return f"snapshot dropped: {error}"
        except UpstreamUnavailable as error:
            return str(error)

    async def _follow(self) -> str:
        progress = await self._progress()
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

    async def _progress(self) -> Progress:
        position = await self._sink.position()
        return Progress(
            position,
            wants_snapshot=self._needs_snapshot or position == NOWHERE,
            whole=self._sink.whole,
        )

    async def _start_over(self, action: StartOver) -> str:
        self.counters.gaps += 1
        self._needs_snapshot = self._needs_snapshot or action.from_snapshot
        await self._sink.mark_incomplete()
        return action.trouble.value

    async def _do(self, deed: Deed, arrived_at: float) -> None:
        at = arrived_at
        if isinstance(deed, MarkComplete) and deed.looked_at is not None:
            at = min(deed.looked_at, arrived_at)
        await self._sink.do(deed, at)
        self._count(deed)

    def _count(self, deed: Deed) -> None:
        match deed:
            case ApplyChanges(_, changes):
                self.counters.applied += len(changes)
            case MarkComplete():
                self.counters.heartbeats += 1
            case CommitSnapshot():
                self.counters.snapshots += 1
                self._needs_snapshot = False
            case BeginChanges():
                self._needs_snapshot = False

    def _note(self, why: Why) -> None:
        self.counters.ignored[why] += 1
        if why is Why.SHORTER:
            self._log.error(
                f"{self._name}_source_is_behind",
                advice="products offers an older history under the same epoch; if it was restored "
                "from a backup, it needs a new epoch",
            )

    async def _report(self) -> None:
        """Log how the sink and the follower are doing, if the last time is long enough ago."""
        now = self._clock()
        if not 0 <= now - self._reported_at < self._pace.report_every_s:
            self._reported_at = now
            await self._sink.tidy()
            state = await self._sink.state()
            self._log.info(f"{self._name}_status", **state, **asdict(self.counters))


def started(follower: Follower) -> Callable[[], Awaitable[None]]:
    """Run `follower` in the background of this event loop; call what comes back to stop it."""
    task = asyncio.create_task(follower.run())

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return stop


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
