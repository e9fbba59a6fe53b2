"""The whole copy as what is kept by the feed."""

import time
from collections.abc import Callable, Mapping

from orders_svc.feed.steps import (
    ApplyChanges,
    BeginSnapshot,
    CommitSnapshot,
    Deed,
    MarkComplete,
    Position,
    StageGrants,
)
from orders_svc.replica.copy import CopyWriter


class ReplicaSink:
    """Does to the copy what the events of the feed mean. See `orders_svc.feed.follower.Sink`."""

    whole = True

    def __init__(self, writer: CopyWriter, clock: Callable[[], float] = time.time) -> None:
        """`writer` stays the caller's to close; `clock` is the wall clock."""
        self._writer = writer
        self._clock = clock
        self._snapshot_began_at = 0.0

    async def position(self) -> Position:
        await self._writer.acquire()
        return (await self._writer.meta()).position

    async def do(self, deed: Deed, at: float) -> None:
        writer = self._writer
        match deed:
            case ApplyChanges(position, changes):
                await writer.apply(position, changes)
            case MarkComplete():
                await writer.mark_complete(at)
            case BeginSnapshot():
                await writer.begin_snapshot()
                self._snapshot_began_at = at  # what it shows may change from here on
            case StageGrants(revision, subject, grants):
                await writer.stage(revision, subject, grants)
            case CommitSnapshot(position, grant_count):
                await writer.commit_snapshot(position, grant_count, self._snapshot_began_at)

    async def mark_incomplete(self) -> None:
        await self._writer.mark_incomplete()

    async def discard_snapshot(self) -> None:
        await self._writer.discard_snapshot()

    async def tidy(self) -> None:
        await self._writer.sweep()

    async def state(self) -> Mapping[str, object]:
        meta = await self._writer.meta()
        return {**meta._asdict(), "lag_s": self._clock() - meta.synced_at if meta.epoch else None}
