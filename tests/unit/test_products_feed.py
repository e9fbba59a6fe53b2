"""What a watcher is sent when memory, table and history end at different places."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from products_svc.feed.feed import Feed, Stream
from products_svc.feed.poller import Pace, Poller, Tail
from products_svc.issuing import Grant
from products_svc.store.values import Beginning, Change, ChangeKind, Position, SubjectGrant
from shop.products.v1 import products_pb2 as pb
from waybill.errors import HistoryCompacted, ShuttingDown, StorageUnavailable

EPOCH = 42


class FakeSource:
    """A history in memory, which can fail."""

    def __init__(self, revision: int = 0, floor: int = 0) -> None:
        self.position_now = Position(EPOCH, revision, floor)
        self.broken = False
        self.table_reads: list[int] = []
        self.copies = 0

    def commit(self, count: int = 1, keep: int = 1_000_000) -> None:
        revision = self.position_now.revision + count
        floor = max(self.position_now.floor, revision - keep)
        self.position_now = Position(EPOCH, revision, floor)

    def may_have_changed(self) -> bool:
        return True

    async def beginning(self, within_s: float) -> Beginning:
        raise NotImplementedError("no test here asks for it")

    async def position(self) -> Position:
        if self.broken:
            raise StorageUnavailable
        return self.position_now

    async def changes_after(self, revision: int, limit: int) -> tuple[Position, tuple[Change, ...]]:
        position = await self.position()
        self.table_reads.append(revision)
        if revision < position.floor:
            raise HistoryCompacted
        end = min(position.revision, revision + limit)
        return position, tuple(map(change, range(revision + 1, end + 1)))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["FakeCopy"]:
        self.copies += 1
        yield FakeCopy(await self.position())


class FakeCopy:
    def __init__(self, position: Position) -> None:
        self.position = position
        self.left = [SubjectGrant("alice", Grant("a", 0, 1)), SubjectGrant("bob", Grant("a", 0, 1))]

    async def start(self) -> Position:
        return self.position

    async def next_piece(self) -> Sequence[SubjectGrant]:
        piece, self.left = self.left, []
        return piece


def change(revision: int) -> Change:
    return Change(revision, "alice", ChangeKind.GRANTED, Grant("a", revision, 1), 0)


def feed(source: FakeSource, recent: int = 100, batch: int = 10) -> Feed:
    return Feed(source, Pace(poll_s=0.001, heartbeat_s=0.002, batch=batch, recent=recent))


async def changes(stream: Stream, until: int) -> list[int]:
    """Revisions of the changes that come until one has revision `until`."""
    seen: list[int] = []
    async for message in stream:
        if message.HasField("changes"):
            assert len(message.changes.changes) <= 10
            seen += [each.revision for each in message.changes.changes]
            if seen[-1] >= until:
                return seen
    raise AssertionError("the stream has ended")


async def next_heartbeat(stream: Stream) -> int:
    async for message in stream:
        if message.HasField("heartbeat"):
            return message.heartbeat.revision
    raise AssertionError("the stream has ended")


@settings(deadline=None, max_examples=30)
@given(
    start=st.integers(1, 50),
    commits=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    recent=st.integers(1, 60),
)
async def test_memory_and_table_join_without_a_gap(
    start: int, commits: list[int], recent: int
) -> None:
    source = FakeSource(revision=50)
    watched = feed(source, recent)
    async with aclosing(watched.watch(EPOCH, start)) as stream:
        seen = await changes(stream, 50) if start < 50 else []
        for count in commits:
            source.commit(count)
            watched.wake()
            seen += await changes(stream, source.position_now.revision)
    assert seen == list(range(start + 1, source.position_now.revision + 1))
    await watched.close()


async def test_watchers_share_the_reading() -> None:
    source = FakeSource(revision=1)
    watched = feed(source)
    streams = [watched.watch(EPOCH, 1) for _ in range(5)]
    for stream in streams:
        await next_heartbeat(stream)
    source.table_reads.clear()
    source.commit(5)
    for stream in streams:
        assert await changes(stream, 6) == [2, 3, 4, 5, 6]
    assert source.table_reads.count(1) <= 2, "one look for all, and perhaps one that came too early"
    for stream in streams:
        await stream.aclose()


async def test_a_slow_watcher_falls_back_to_the_table_and_below_it_is_told() -> None:
    source = FakeSource(revision=1)
    watched = feed(source, recent=5)
    async with aclosing(watched.watch(EPOCH, 1)) as slow, aclosing(watched.watch(EPOCH, 1)) as fast:
        await next_heartbeat(slow)
        await next_heartbeat(fast)
        source.commit(50)
        await changes(fast, 51)
        assert await changes(slow, 51) == list(range(2, 52))
        source.commit(50, keep=10)
        with pytest.raises(HistoryCompacted):
            await changes(slow, 101)


async def test_an_old_heartbeat_is_not_sent_to_a_watcher_that_lags() -> None:
    source = FakeSource(revision=1)
    watched = feed(source)
    async with aclosing(watched.watch(EPOCH, 1)) as stream:
        for _ in range(20):
            source.commit(25)
            assert await next_heartbeat(stream) == source.position_now.revision


async def test_silence_when_the_database_is_gone_and_a_new_start_after_it() -> None:
    source = FakeSource(revision=1)
    watched = feed(source)
    streams = [watched.watch(EPOCH, 1), watched.watch(EPOCH, 1)]
    for stream in streams:
        await next_heartbeat(stream)
    source.broken = True
    for stream in streams:
        with pytest.raises(StorageUnavailable):
            await changes(stream, 2)
    with pytest.raises(StorageUnavailable):
        await anext(watched.watch(EPOCH, 1))
    source.broken = False
    source.commit()
    async with aclosing(watched.watch(EPOCH, 1)) as stream:
        assert await changes(stream, 2) == [2]


async def test_a_history_that_goes_backwards_ends_the_stream() -> None:
    source = FakeSource(revision=9)
    watched = feed(source)
    async with aclosing(watched.watch(EPOCH, 9)) as stream:
        await next_heartbeat(stream)
        source.position_now = Position(EPOCH, 5, 0)
        with pytest.raises(StorageUnavailable):
            await changes(stream, 10)
    async with aclosing(watched.watch(EPOCH, 9)) as stream:
        assert (await anext(stream)).HasField("snapshot_start"), "what it knew never happened"


async def test_a_watcher_that_leaves_in_the_middle_of_a_copy_leaves_nothing_behind() -> None:
    source = FakeSource(revision=3)
    watched = feed(source)
    stream = watched.watch(0, 0)
    kinds = [(await anext(stream)).WhichOneof("event") for _ in range(2)]
    assert kinds == ["snapshot_start", "snapshot_grants"]
    await stream.aclose()
    await watched.close()


async def test_a_copy_counts_what_it_sent() -> None:
    watched = feed(FakeSource(revision=3))
    async with aclosing(watched.watch(0, 0)) as stream:
        messages = [await anext(stream) for _ in range(4)]
    assert messages[3] == pb.WatchAccessResponse(
        epoch=EPOCH, snapshot_end=pb.SnapshotEnd(revision=3, grant_count=2)
    )


async def test_closing_ends_the_streams_and_refuses_new_ones() -> None:
    watched = feed(FakeSource(revision=1))
    stream = watched.watch(EPOCH, 1)
    await next_heartbeat(stream)
    await watched.close()
    with pytest.raises(ShuttingDown):
        await next_heartbeat(stream)
    with pytest.raises(ShuttingDown):
        await anext(watched.watch(EPOCH, 1))


async def test_closing_is_not_disturbed_by_what_ended_the_looking() -> None:
    source = FakeSource(revision=1)
    poller = Poller(source, Pace(poll_s=0.001))
    with poller.watching():
        seen = await poller.look(None)
        source.position_now = Position(EPOCH, 9, 8)
        with pytest.raises(HistoryCompacted):
            await looks_without_end(poller, seen)
        await poller.close()


async def looks_without_end(poller: Poller, seen: Tail) -> None:
    while True:
        seen = await poller.look(seen)


class QuietSource(FakeSource):
    """Nothing is ever committed, and it says so."""

    asked = 0

    def may_have_changed(self) -> bool:
        self.asked += 1
        return False


async def test_without_news_the_table_is_read_for_heartbeats_only() -> None:
    source = QuietSource(revision=1)
    watched = Feed(source, Pace(poll_s=0.0001, heartbeat_s=60))
    async with aclosing(watched.watch(EPOCH, 1)) as stream:
        assert await next_heartbeat(stream) == 1
        reads, asked = len(source.table_reads), source.asked
        async with asyncio.timeout(10):
            while source.asked < asked + 20:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0)
        assert len(source.table_reads) == reads
    await watched.close()
