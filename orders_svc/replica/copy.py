"""What is asked of a copy, wherever it is kept: in LMDB or in Valkey."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from orders_svc.access import Grant
from orders_svc.feed.steps import Position
from orders_svc.replica.records import Meta
from orders_svc.replica.status import ReplicaStatus
from shop.products.v1.products_pb2 import Change
from shop.products.v1.products_pb2 import Grant as WireGrant


class CopyWriter(Protocol):
    """Writes the copy. One coroutine at a time uses it.

    Every write that changes what readers are told is atomic, together with the description of the
    copy. All but `close` and `discard_snapshot` may raise `SinkUnavailable`: the copy cannot be
    written now, or not by this writer, and what is known of it is out of date.
    """

    async def acquire(self) -> None:
        """Become the one writer; waits while another one is."""
        ...

    async def meta(self) -> Meta:
        """What the copy is now."""
        ...

    async def apply(self, position: Position, changes: Sequence[Change]) -> None:
        """Apply `changes` in order; the copy is at `position` then."""
        ...

    async def mark_complete(self, synced_at: float) -> None:
        """Nothing was missing at `synced_at`, in wall-clock seconds."""
        ...

    async def mark_incomplete(self) -> None:
        """Changes are known to be missing: nobody may decide on this copy until it is complete."""
        ...

    async def begin_snapshot(self) -> None:
        """Start staging a snapshot, out of the readers' sight; one that is staged is dropped."""
        ...

    async def stage(self, revision: int, subject: str, grants: Iterable[WireGrant]) -> None:
        """Add grants of a subject to the staged snapshot, which is as of `revision`.

        Raises:
            SnapshotDropped: begin again.
        """
        ...

    async def commit_snapshot(self, position: Position, grant_count: int, synced_at: float) -> None:
        """Replace the copy by the staged one, if that has exactly `grant_count` distinct grants.

        Raises:
            SnapshotDropped: it has another count, or is lost.
        """
        ...

    async def discard_snapshot(self) -> None:
        """The stream has ended: drop what is staged, and let another writer in where that is due.

        Raises nothing.
        """
        ...

    async def sweep(self) -> None:
        """Called now and then, for what need not be done at once."""
        ...

    async def close(self) -> None:
        """Let go of the copy, after the write under way."""
        ...


class CopyReader(Protocol):
    """Answers from the copy, while it may be believed."""

    async def grants_at(
        self,
        subject: str,
        product_ids: Sequence[str],
        min_revision: int,
        time_left_s: float | None,
    ) -> Mapping[str, Grant]:
        """The subject's grants among `product_ids`, all as of one revision, which they carry.

        Waits for `min_revision` for as long as the caller has time.

        Raises:
            ReplicaNotReady: cold, a gap, or over the lag bound, now or while waiting.
            RevisionNotReached: shortly before the caller's time is up, or after the wait's bound.
        """
        ...

    async def check(self) -> str | None:
        """Health check: None while the copy is usable, else what is wrong."""
        ...

    def seen(self) -> ReplicaStatus | None:
        """How the copy was at the last look, which each health check is; None before the first.

        May be asked by any thread.
        """
        ...

    async def close(self) -> None:
        """Let go of the copy."""
        ...
