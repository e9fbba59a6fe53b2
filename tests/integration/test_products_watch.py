"""WatchAccess on a real server: snapshot, changes, heartbeats, resuming, and bad readers."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from products_svc.store.database import Database
from products_svc.store.schema import renew_history
from products_svc.store.values import WantedGrant
from products_svc.store.writer import Writer
from shop.products.v1 import products_pb2 as pb
from tests.conftest import NewDatabase
from tests.products_kit import Lab, Service, refusal
from waybill import errors
from waybill.status import error_from
from waybill.testing import FakeClock

PRODUCTS = [f"p{number:04d}" for number in range(2500)]


@dataclass
class Reader:
    """A reader that holds the stream to its promises while it applies it."""

    stream: Any
    epoch: int = 0
    revision: int = 0
    grants: dict[tuple[str, str], pb.Grant] = field(default_factory=dict)
    changes: list[int] = field(default_factory=list)
    snapshots: int = 0

    async def until(self, done: Callable[["Reader"], bool]) -> pb.WatchAccessResponse:
        """Apply messages until `done`; the last one."""
        while True:
            message = await self.stream.read()
            self.apply(message)
            if done(self):
                assert isinstance(message, pb.WatchAccessResponse)
                return message

    async def heartbeat(self) -> int:
        """Apply messages until a heartbeat; its revision."""
        while True:
            message = await self.stream.read()
            self.apply(message)
            if message.HasField("heartbeat"):
                return int(message.heartbeat.revision)

    def apply(self, message: pb.WatchAccessResponse) -> None:
        self.epoch = message.epoch
        getattr(self, f"_{message.WhichOneof('event')}")(message)

    def _snapshot_start(self, _message: pb.WatchAccessResponse) -> None:
        self.grants.clear()

    def _snapshot_grants(self, message: pb.WatchAccessResponse) -> None:
        part = message.snapshot_grants
        assert 1 <= len(part.grants) <= 1000
        self.grants |= {(part.subject, each.product_id): each for each in part.grants}

    def _snapshot_end(self, message: pb.WatchAccessResponse) -> None:
        assert message.snapshot_end.grant_count == len(self.grants)
        self.revision = message.snapshot_end.revision
        self.snapshots += 1

    def _changes(self, message: pb.WatchAccessResponse) -> None:
        assert message.changes.previous_revision == self.revision, "gapless, ordered, each once"
        for change in message.changes.changes:
            assert change.revision == self.revision + 1
            self.revision = change.revision
            self.changes.append(change.revision)
            if change.HasField("granted"):
                self.grants[change.subject, change.granted.product_id] = change.granted
            else:
                del self.grants[change.subject, change.revoked_product_id]

    def _heartbeat(self, message: pb.WatchAccessResponse) -> None:
        assert message.heartbeat.revision == self.revision


@pytest.fixture
def lab(tmp_path: Path, new_database: NewDatabase) -> Lab:
    lab = Lab(tmp_path, new_database())
    lab.fill(["a", "b", "c"], [WantedGrant("alice", "a"), WantedGrant("bob", "b", 2, 5)])
    return lab


@pytest.fixture
async def service(lab: Lab) -> AsyncIterator[Service]:
    async with lab.service() as service:
        yield service


async def test_snapshot_then_heartbeat_then_changes(service: Service) -> None:
    reader = Reader(service.watch())
    assert await reader.heartbeat() == 2
    assert reader.snapshots == 1
    assert reader.grants["bob", "b"] == pb.Grant(
        product_id="b", max_quantity=2, unit_price_micros=5
    )
    assert reader.epoch == int(service.lab.clock() * 1000)
    await service.grant("alice", "b", "c", max_quantity=3)
    await service.revoke("bob", "b")
    await reader.until(lambda r: r.revision == 5)
    assert reader.changes == [3, 4, 5]
    assert set(reader.grants) == {("alice", "a"), ("alice", "b"), ("alice", "c")}
    assert await reader.heartbeat() == 5


async def test_changes_tell_when_they_were_committed(service: Service) -> None:
    stream = service.watch()
    reader = Reader(stream)
    await reader.heartbeat()
    service.lab.clock.advance(60.25)
    await service.grant("alice", "b")
    message = await reader.until(lambda r: bool(r.changes))
    (change,) = message.changes.changes
    assert change.commit_time.ToMicroseconds() == int(service.lab.clock() * 1e6)


async def test_recent_changes_without_a_snapshot(service: Service) -> None:
    await service.grant("alice", "b")
    service.lab.clock.advance(60)
    await service.grant("alice", "c")
    stream = service.watch(within_s=59.5)
    message = await stream.read()
    start = message.changes_start
    assert (start.revision, start.newest_revision) == (3, 4)
    assert start.epoch_start_time.ToMilliseconds() == message.epoch
    reader = Reader(stream, revision=start.revision)
    assert await reader.heartbeat() == 4
    assert (reader.changes, reader.snapshots) == ([4], 0)


async def test_all_is_old(service: Service) -> None:
    service.lab.clock.advance(60.5)
    message = await service.watch(within_s=60.25).read()
    assert (message.changes_start.revision, message.changes_start.newest_revision) == (2, 2)


async def test_who_asks_for_recent_changes_resumes_where_that_is_possible(
    service: Service,
) -> None:
    epoch = (await service.watch().read()).epoch
    await service.grant("alice", "b")
    reader = Reader(service.watch(epoch, 2, within_s=60.0), revision=2)
    assert await reader.heartbeat() == 3


@pytest.mark.parametrize(("epochs_ago", "revision"), [(0, 1), (1, 2), (0, 99)])
async def test_who_cannot_resume_begins_with_what_is_left(
    tmp_path: Path, epochs_ago: int, revision: int
) -> None:
    lab = Lab(tmp_path)
    lab.fill(["a", "b", "c"], [WantedGrant("alice", "a"), WantedGrant("bob", "b")])
    async with lab.service(history_changes=1) as service:
        await service.grant("alice", "b", "c")
        epoch = (await service.watch().read()).epoch
        message = await service.watch(epoch - epochs_ago, revision, within_s=60.0).read()
    assert message.changes_start.revision == 3, "compacted up to there"


async def test_changes_say_whether_anything_was_lost(service: Service) -> None:
    reader = Reader(service.watch())
    await reader.heartbeat()
    await service.grant("bob", "b", max_quantity=1)
    await service.grant("bob", "b", max_quantity=3)
    await service.grant("bob", "c")
    await service.revoke("bob", "c")
    lost: dict[int, bool] = {}
    while reader.revision < 6:
        message = await reader.stream.read()
        reader.apply(message)
        lost |= {each.revision: not each.nothing_lost for each in message.changes.changes}
    assert lost == {3: True, 4: False, 5: False, 6: True}


async def test_heartbeats_tell_when_their_sender_looked(service: Service) -> None:
    message = await Reader(service.watch()).until(lambda r: r.revision == 2 and r.snapshots == 1)
    while not message.HasField("heartbeat"):
        message = await service.watch(message.epoch, 2).read()
    assert message.heartbeat.send_time.ToMicroseconds() == int(service.lab.clock() * 1e6)


async def test_a_large_snapshot_comes_in_parts(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.fill(PRODUCTS, [WantedGrant(f"user-{n}", each) for each in PRODUCTS for n in range(2)])
    async with lab.service() as service:
        reader = Reader(service.watch())
        await reader.until(lambda r: bool(r.snapshots))
    assert len(reader.grants) == 5000


async def test_resuming_sends_only_what_is_missing(service: Service) -> None:
    first = Reader(service.watch())
    await first.heartbeat()
    first.stream.cancel()
    await service.grant("alice", "b", "c")
    again = Reader(service.watch(first.epoch, 2), revision=2)
    assert await again.heartbeat() == 4
    assert (again.changes, again.snapshots) == ([3, 4], 0)


async def test_resuming_at_the_end_sends_only_heartbeats(service: Service) -> None:
    epoch = int(service.lab.clock() * 1000)
    reader = Reader(service.watch(epoch, 2), revision=2)
    assert [await reader.heartbeat() for _ in range(3)] == [2, 2, 2]
    assert not reader.snapshots


@pytest.mark.parametrize(("epoch_offset", "revision"), [(-1, 1), (1, 1), (0, 99), (0, 0)])
async def test_another_history_gets_a_snapshot(
    service: Service, epoch_offset: int, revision: int
) -> None:
    epoch = int(service.lab.clock() * 1000) + epoch_offset
    reader = Reader(service.watch(epoch, revision))
    await reader.heartbeat()
    assert (reader.snapshots, reader.revision) == (1, 2)


async def test_below_the_compacted_history_resuming_fails(lab: Lab) -> None:
    async with lab.service(history_changes=3) as service:
        for number in range(5):
            await service.grant(f"user-{number}", "a")
        epoch = int(lab.clock() * 1000)
        refused = await refusal(service.watch(epoch, 3).read())
        assert (refused.code, refused.reason) == (
            grpc.StatusCode.OUT_OF_RANGE,
            errors.HistoryCompacted.reason,
        )
        reader = Reader(service.watch(epoch, 4), revision=4)
        assert await reader.heartbeat() == 7


async def test_every_watcher_gets_every_change(service: Service) -> None:
    readers = [Reader(service.watch()) for _ in range(5)]
    await asyncio.gather(*(reader.heartbeat() for reader in readers))
    for number in range(30):
        await service.grant(f"user-{number}", "a")
    await asyncio.gather(*(reader.until(lambda r: r.revision == 32) for reader in readers))
    assert all(reader.changes == list(range(3, 33)) for reader in readers)


def write_many(url: str, name: str, count: int) -> None:
    database = Database(url, busy_timeout_s=30)
    for number in range(count):
        with database.writing() as connection:
            writer = Writer(connection, FakeClock(), 1000)
            writer.grant([WantedGrant(f"{name}-{number}", each) for each in "abc"])
            writer.revoke(f"{name}-{number}", ["b"])
            writer.finish()
    database.close()


async def test_commits_of_other_processes_arrive_gapless_and_in_order(service: Service) -> None:
    reader = Reader(service.watch())
    await reader.heartbeat()
    spawn = multiprocessing.get_context("spawn")
    arguments = [(service.lab.database_url, f"w{number}", 15) for number in range(2)]
    writers = [spawn.Process(target=write_many, args=each) for each in arguments]
    for writer in writers:
        writer.start()
    for number in range(10):
        await service.grant(f"local-{number}", "a")
    total = 2 + 10 + 2 * 15 * 4
    await reader.until(lambda r: r.revision == total)
    for writer in writers:
        await asyncio.to_thread(writer.join)
    assert reader.changes == list(range(3, total + 1))
    assert len(reader.grants) == 2 + 10 + 2 * 15 * 2


async def test_a_snapshot_under_concurrent_writes_joins_the_changes(service: Service) -> None:
    async def write() -> None:
        for number in range(40):
            await service.grant(f"user-{number}", "a", "b")
            await service.revoke(f"user-{number}", "a")

    writing = asyncio.create_task(write())
    readers = []
    for _ in range(5):
        readers.append(Reader(service.watch()))
        await readers[-1].until(lambda r: bool(r.snapshots))
    await writing
    total = 2 + 40 * 3
    for reader in readers:
        if reader.revision < total:
            await reader.until(lambda r: r.revision == total)
    expected = {("alice", "a"), ("bob", "b")} | {(f"user-{n}", "b") for n in range(40)}
    assert all(set(reader.grants) == expected for reader in readers)


async def test_draining_ends_streams_at_once(service: Service) -> None:
    reader = Reader(service.watch())
    await reader.heartbeat()
    service.guarded.drain()
    refused = await refusal(reader.until(lambda _: False))
    assert refused.reason == errors.ShuttingDown.reason


async def test_a_reader_that_stops_reading_is_given_up(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.fill(PRODUCTS, [WantedGrant(f"user-{n}", each) for each in PRODUCTS for n in range(8)])
    async with lab.service(watch_stall_s=0.05, max_concurrent_calls=1) as service:
        stalled = service.watch()
        await stalled.read()
        while await outcome(service) == errors.TooManyCalls.reason:
            pass  # the call's place is free again only once it is given up
        assert await outcome(service) == ""
        refused = await refusal(exhausted(stalled))
    assert refused.reason == errors.StreamStalled.reason


async def test_a_reader_that_leaves_is_forgotten(lab: Lab) -> None:
    async with lab.service(max_concurrent_calls=1) as service:
        leaving = Reader(service.watch())
        await leaving.heartbeat()
        assert await outcome(service) == errors.TooManyCalls.reason
        leaving.stream.cancel()
        while await outcome(service):
            pass


async def test_the_poller_rests_while_nobody_watches(service: Service) -> None:
    reader = Reader(service.watch())
    await reader.heartbeat()
    polling = {task for task in asyncio.all_tasks() if task.get_name() == "feed-poller"}
    assert len(polling) == 1
    reader.stream.cancel()
    await asyncio.wait(polling)
    again = Reader(service.watch())
    assert await again.heartbeat() == 2


async def test_a_history_renewed_under_the_service_ends_the_stream(service: Service) -> None:
    reader = Reader(service.watch())
    await reader.heartbeat()
    database = service.lab.database()
    epoch = renew_history(database, service.lab.clock)
    database.close()
    refused = await refusal(reader.until(lambda _: False))
    assert refused.reason == errors.StorageUnavailable.reason
    again = Reader(service.watch(reader.epoch, reader.revision))
    await again.heartbeat()
    assert (again.snapshots, again.epoch) == (1, epoch)
    assert epoch > reader.epoch


async def exhausted(stream: Any) -> None:
    while await stream.read() is not aio.EOF:
        pass


async def outcome(service: Service) -> str:
    """The reason why a call is refused now; empty if it is not."""
    try:
        await service.listing()
    except aio.AioRpcError as error:
        return error_from(error).reason
    return ""
