"""Events of the feed, and a products service made of dicts."""

import copy
from collections.abc import AsyncGenerator, Callable, Iterable

from shop.products.v1.products_pb2 import (
    Change,
    ChangeBatch,
    ChangesStart,
    Grant,
    Heartbeat,
    SnapshotEnd,
    SnapshotGrants,
    SnapshotStart,
    WatchAccessResponse,
)
from waybill.errors import HistoryCompacted

Key = tuple[str, str]
Grants = dict[Key, tuple[int, int]]
"""Maximum quantity and price by subject and product id."""


def snapshot_start(epoch: int, revision: int) -> WatchAccessResponse:
    return WatchAccessResponse(epoch=epoch, snapshot_start=SnapshotStart(revision=revision))


def part(epoch: int, subject: str, *grants: Grant, revision: int = 0) -> WatchAccessResponse:
    some = SnapshotGrants(subject=subject, grants=grants, revision=revision)
    return WatchAccessResponse(epoch=epoch, snapshot_grants=some)


def snapshot_end(epoch: int, revision: int, count: int) -> WatchAccessResponse:
    return WatchAccessResponse(
        epoch=epoch, snapshot_end=SnapshotEnd(revision=revision, grant_count=count)
    )


def changes_start(
    epoch: int, revision: int, newest: int, began_at: float = 0.0
) -> WatchAccessResponse:
    start = ChangesStart(revision=revision, newest_revision=newest)
    start.epoch_start_time.FromMicroseconds(int(began_at * 1e6))
    return WatchAccessResponse(epoch=epoch, changes_start=start)


def changes(epoch: int, previous_revision: int, *batch: Change) -> WatchAccessResponse:
    return WatchAccessResponse(
        epoch=epoch, changes=ChangeBatch(previous_revision=previous_revision, changes=batch)
    )


def heartbeat(
    epoch: int, revision: int, looked_at: float | None = None, began_at: float | None = None
) -> WatchAccessResponse:
    beat = Heartbeat(revision=revision)
    if looked_at is not None:
        beat.send_time.FromMicroseconds(int(looked_at * 1e6))
    if began_at is not None:
        beat.epoch_start_time.FromMicroseconds(int(began_at * 1e6))
    return WatchAccessResponse(epoch=epoch, heartbeat=beat)


def granted(
    revision: int,
    subject: str,
    product_id: str,
    most: int = 0,
    price: int = 0,
    *,
    nothing_lost: bool = False,
) -> Change:
    grant = Grant(product_id=product_id, max_quantity=most, unit_price_micros=price)
    return Change(revision=revision, subject=subject, granted=grant, nothing_lost=nothing_lost)


def revoked(revision: int, subject: str, product_id: str) -> Change:
    return Change(revision=revision, subject=subject, revoked_product_id=product_id)


class Products:
    """Grants, their changes, and a feed of both, as the contract says."""

    def __init__(self, epoch: int = 1, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.epoch = epoch
        self.clock = clock
        self.began_at = clock()
        self.commit_times: dict[int, float] = {}
        self.revision = 0
        self.floor = 0
        self.grants: Grants = {}
        self.log: list[Change] = []

    def grant(self, subject: str, product_id: str, most: int = 0, price: int = 0) -> None:
        before = self.grants.get((subject, product_id))
        kept = before is None or most == 0 or 0 < before[0] <= most
        self.grants[subject, product_id] = (most, price)
        revision = self._next_revision()
        self.log.append(granted(revision, subject, product_id, most, price, nothing_lost=kept))

    def revoke(self, subject: str, product_id: str) -> None:
        if self.grants.pop((subject, product_id), None) is not None:
            self.log.append(revoked(self._next_revision(), subject, product_id))

    def compact(self) -> None:
        self.floor = self.revision
        self.log.clear()

    def backup(self) -> "Products":
        return copy.deepcopy(self)

    def stream(self, epoch: int, resume_revision: int, batch: int = 3) -> list[WatchAccessResponse]:
        """What a watcher is sent at once, up to the first heartbeat."""
        if resume_revision and epoch == self.epoch and resume_revision < self.floor:
            raise HistoryCompacted
        if not resume_revision or epoch != self.epoch or resume_revision > self.revision:
            events = list(self._snapshot())
        else:
            events = list(self.changes_after(resume_revision, batch))
        return [*events, heartbeat(self.epoch, self.revision)]

    def recent(
        self, epoch: int, resume_revision: int, within_s: float, batch: int = 3
    ) -> list[WatchAccessResponse]:
        """The same without a snapshot."""
        events = []
        known = epoch == self.epoch and self.floor <= resume_revision <= self.revision
        if not (resume_revision and known):
            since = self.clock() - within_s
            held = [each.revision for each in self.log if self.commit_times[each.revision] >= since]
            resume_revision = min(held, default=self.revision + 1) - 1
            events.append(changes_start(self.epoch, resume_revision, self.revision, self.began_at))
        events += self.changes_after(resume_revision, batch)
        return [*events, self.beat()]

    def beat(self) -> WatchAccessResponse:
        """Nothing is newer now."""
        return heartbeat(self.epoch, self.revision, self.clock(), self.began_at)

    def _next_revision(self) -> int:
        self.revision += 1
        self.commit_times[self.revision] = self.clock()
        return self.revision

    def _snapshot(self) -> Iterable[WatchAccessResponse]:
        yield snapshot_start(self.epoch, self.revision)
        for (subject, product_id), (most, price) in sorted(self.grants.items()):
            grant = Grant(product_id=product_id, max_quantity=most, unit_price_micros=price)
            yield part(self.epoch, subject, grant, revision=self.revision)
        yield snapshot_end(self.epoch, self.revision, len(self.grants))

    def changes_after(self, after: int, batch: int = 3) -> Iterable[WatchAccessResponse]:
        """What is committed after a revision, unless some of that is gone."""
        if after < self.floor:
            raise HistoryCompacted
        new = [change for change in self.log if change.revision > after]
        for start in range(0, len(new), batch):
            several = new[start : start + batch]
            yield changes(self.epoch, after, *several)
            after = several[-1].revision


class ScriptedFeed:
    """Sends what it is given for one stream."""

    def __init__(self, events: Callable[[int, int], Iterable[WatchAccessResponse]]) -> None:
        self._events = events

    async def watch(
        self, epoch: int, resume_revision: int
    ) -> AsyncGenerator[WatchAccessResponse, None]:
        for event in self._events(epoch, resume_revision):
            yield event
