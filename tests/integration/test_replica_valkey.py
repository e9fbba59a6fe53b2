"""What can happen to a copy in Valkey only: its server goes or comes back empty; two writers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import valkey
from valkey.asyncio import Valkey

from loadtest.valkey import ValkeyServer
from orders_svc.feed.follower import SinkUnavailable, SnapshotDropped
from orders_svc.feed.steps import NOWHERE, Position
from orders_svc.replica.records import COLD
from orders_svc.replica.valkey.reader import ValkeyReader
from orders_svc.replica.valkey.server import CopyServer
from orders_svc.replica.valkey.writer import CopyLost, LeaseLost, ValkeyWriter
from shop.products.v1.products_pb2 import Grant
from tests.feed_kit import granted
from tests.replica_kit import LEASE_S, ValkeyPlace
from waybill.errors import ReplicaNotReady
from waybill.testing import FakeClock

pytestmark = pytest.mark.engines


@pytest.fixture
def place(valkey_url: str, tmp_path: Path) -> ValkeyPlace:
    return ValkeyPlace(valkey_url, tmp_path)


@pytest.fixture
def raw(valkey_url: str) -> Iterator[Any]:
    """The server, for what only an operator does."""
    with valkey.Valkey.from_url(valkey_url) as client:
        yield client


class Copy:
    """A writer with the lease, a reader, and one time for both."""

    def __init__(self, place: ValkeyPlace) -> None:
        self.clock = FakeClock()
        self.writer = place.writer()
        self.reader = place.reader(None, self.clock)

    async def snapshot(self, revision: int, *product_ids: str) -> None:
        await self.writer.begin_snapshot()
        await self.stage(revision, *product_ids)
        await self.commit(revision, len(product_ids))

    async def stage(self, revision: int, *product_ids: str) -> None:
        grants = [Grant(product_id=each) for each in product_ids]
        await self.writer.stage(revision, "ada", grants)

    async def commit(self, revision: int, count: int) -> None:
        await self.writer.commit_snapshot(Position(1, revision), count, self.clock())

    async def granted(self, *product_ids: str) -> set[str]:
        return set(await self.reader.grants("ada", product_ids))

    async def close(self) -> None:
        await self.reader.close()
        await self.writer.close()


@pytest.fixture
async def copy(place: ValkeyPlace) -> AsyncIterator[Copy]:
    copy = Copy(place)
    await copy.writer.acquire()
    await copy.snapshot(5, "1", "2")
    yield copy
    await copy.close()


# The server loses what it had.


def wipe(raw: Any, place: ValkeyPlace) -> None:
    """What a restart without persistence leaves."""
    raw.delete(*[place.key(name) for name in ("meta", "a", "b", "lease", "staging")])


async def test_an_empty_come_back_is_no_copy(copy: Copy, place: ValkeyPlace, raw: Any) -> None:
    wipe(raw, place)
    with pytest.raises(ReplicaNotReady, match="cold"):
        await copy.granted("1")
    assert "cold" in str(await copy.reader.check())


@pytest.mark.parametrize("write", ["apply", "complete", "commit"])
async def test_nothing_is_written_over_an_empty_come_back(
    copy: Copy, place: ValkeyPlace, raw: Any, write: str
) -> None:
    wipe(raw, place)
    await copy.writer._takes_lease()  # as its keeper does at any moment
    late = {
        "apply": lambda: copy.writer.apply(Position(1, 6), [granted(6, "ada", "3")]),
        "complete": lambda: copy.writer.mark_complete(copy.clock()),
        "commit": lambda: copy.snapshot(6),
    }
    with pytest.raises(CopyLost):
        await late[write]()
    with pytest.raises(ReplicaNotReady, match="cold"):
        await copy.granted("1")
    await copy.writer.acquire()
    assert (await copy.writer.meta()).position == NOWHERE
    await copy.snapshot(7, "3")
    assert await copy.granted("1", "3") == {"3"}


async def test_a_snapshot_that_lost_its_beginning_is_dropped(
    copy: Copy, place: ValkeyPlace, raw: Any
) -> None:
    await copy.writer.begin_snapshot()
    await copy.stage(6, *map(str, range(3000)))
    wipe(raw, place)
    await copy.writer._takes_lease()
    with pytest.raises(SnapshotDropped):
        await copy.stage(6, *map(str, range(3000)))
    with pytest.raises(ReplicaNotReady):
        await copy.granted("1")


@pytest.mark.parametrize("slot", ["a", "b"])
async def test_an_evicted_set_of_grants_is_no_empty_one(
    copy: Copy, place: ValkeyPlace, raw: Any, slot: str
) -> None:
    if slot == "b":
        await copy.snapshot(6, "1", "2")
    raw.delete(place.key(slot))
    with pytest.raises(ReplicaNotReady, match="cold"):
        await copy.granted("1")
    assert await copy.writer.meta() == COLD
    with pytest.raises(CopyLost):
        await copy.writer.mark_complete(copy.clock())
    await copy.writer.acquire()
    await copy.writer.begin_snapshot()
    await copy.stage(7, *map(str, range(2)))
    await copy.writer._hand_over()  # as many as there were; what is staged is no copy yet
    with pytest.raises(ReplicaNotReady, match="cold"):
        await copy.granted("1")
    await copy.commit(7, 2)
    assert await copy.granted("0", "1") == {"0", "1"}


async def test_an_older_copy_that_comes_back_is_gone_on_with(
    copy: Copy, place: ValkeyPlace, raw: Any
) -> None:
    """As after a restart from a file, or a fail-over to a server that was behind."""
    old = {name: raw.dump(place.key(name)) for name in ("meta", "a")}
    await copy.writer.apply(Position(1, 6), [granted(6, "ada", "3")])
    for name, dumped in old.items():
        raw.restore(place.key(name), 0, dumped, replace=True)
    with pytest.raises(CopyLost):
        await copy.writer.apply(Position(1, 7), [granted(7, "ada", "4")])
    await copy.writer.acquire()
    assert (await copy.writer.meta()).position == (1, 5)
    await copy.writer.apply(Position(1, 7), [granted(6, "ada", "3"), granted(7, "ada", "4")])
    assert await copy.granted("3", "4") == {"3", "4"}


async def test_another_release_of_the_format_is_no_copy(
    copy: Copy, place: ValkeyPlace, raw: Any
) -> None:
    raw.hset(place.key("meta"), "format", "99")
    assert await copy.writer.meta() == COLD
    with pytest.raises(ReplicaNotReady, match="cold"):
        await copy.granted("1")


# The server goes.


async def test_a_restart_of_the_server(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path) as server:
        copy = Copy(ValkeyPlace(server.url, tmp_path))
        await copy.writer.acquire()
        await copy.snapshot(5, "1")
        port = server.port
    with pytest.raises(ReplicaNotReady, match="ConnectionError"):
        await copy.granted("1")
    assert "ConnectionError" in str(await copy.reader.check())
    with pytest.raises(SinkUnavailable):
        await copy.writer.mark_complete(copy.clock())
    with ValkeyServer(tmp_path, port=port):
        with pytest.raises(ReplicaNotReady, match="cold"):
            await copy.granted("1")
        await copy.writer.acquire()
        await copy.snapshot(6, "1")
        assert await copy.granted("1") == {"1"}
        await copy.close()


async def test_lost_connections_are_made_anew(copy: Copy, raw: Any) -> None:
    raw.execute_command("CLIENT KILL TYPE normal SKIPME yes")
    assert await copy.granted("1") == {"1"}
    raw.execute_command("CLIENT KILL TYPE normal SKIPME yes")
    with suppress(SinkUnavailable):  # where it was not noticed before asking
        await copy.writer.mark_complete(copy.clock())
    await copy.writer.acquire()
    await copy.writer.mark_complete(copy.clock())


async def test_a_server_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"valkey://127.0.0.1:{silent.getsockname()[1]}/0"
        reader = ValkeyReader(CopyServer(url, "x", timeout_s=0.05, again=True))
        with pytest.raises(ReplicaNotReady, match="TimeoutError"):
            await reader.grants("ada", ["1"])
        await reader.close()


async def test_the_url_stays_out_of_what_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    reader = ValkeyReader(CopyServer(f"valkey://u:secret@127.0.0.1:{port}/0", "x", 5.0, again=True))
    assert "secret" not in str(await reader.check())
    await reader.close()


# Two writers.


async def test_the_second_writer_waits_for_the_first(copy: Copy, place: ValkeyPlace) -> None:
    waits: list[float] = []

    async def first_goes(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 1:
            await asyncio.Event().wait()  # the second's keeper, which has nothing to do
        await copy.writer.discard_snapshot()  # the first's stream has ended

    second = ValkeyWriter(place.server(), lease_s=LEASE_S, sleep=first_goes)
    await second.acquire()
    assert waits[0] == LEASE_S / 4
    with pytest.raises(LeaseLost):
        await copy.writer.mark_complete(copy.clock())
    await second.close()


@pytest.mark.parametrize("write", ["apply", "complete", "incomplete", "begin", "stage", "commit"])
async def test_a_writer_whose_lease_ran_out_writes_nothing(
    copy: Copy, place: ValkeyPlace, raw: Any, write: str
) -> None:
    await copy.writer.begin_snapshot()
    raw.delete(place.key("lease"))  # it was suspended for long
    second = place.writer()
    await second.acquire()
    before = await second.meta()
    late: dict[str, Callable[[], Awaitable[None]]] = {
        "apply": lambda: copy.writer.apply(Position(1, 6), [granted(6, "ada", "3")]),
        "complete": lambda: copy.writer.mark_complete(copy.clock() + 9),
        "incomplete": copy.writer.mark_incomplete,
        "begin": copy.writer.begin_snapshot,
        "stage": lambda: copy.stage(6, *map(str, range(3000))),
        "commit": lambda: copy.commit(6, 0),
    }
    with pytest.raises(LeaseLost):
        await late[write]()
    assert await second.meta() == before
    await second.close()


async def test_a_late_write_of_the_same_writer_changes_nothing(
    copy: Copy, place: ValkeyPlace
) -> None:
    """One that timed out, and reaches the server after what was sent next."""
    late = ("apply", copy.writer._token, 1, 5, 6, b"ada\0001", b"")
    await copy.writer.apply(Position(1, 6), [granted(6, "ada", "3")])
    server = place.server()
    assert await server.ask(*late) == b"lost"
    await server.close()
    assert await copy.granted("1", "2", "3") == {"1", "2", "3"}


async def test_parts_of_an_earlier_snapshot_are_not_mixed_in(
    copy: Copy, place: ValkeyPlace
) -> None:
    await copy.writer.begin_snapshot()
    late = ("stage", copy.writer._token, copy.writer._staging, b"ada\0009", b"old")
    await copy.writer.begin_snapshot()
    server = place.server()
    assert await server.ask(*late) == b"dropped"
    await server.close()


async def test_a_closed_writer_leaves_nothing_but_the_copy(
    copy: Copy, place: ValkeyPlace, raw: Any
) -> None:
    await copy.writer.begin_snapshot()
    await copy.stage(6, *map(str, range(3000)))
    await copy.writer.discard_snapshot()
    left = raw.keys(f"*{place.prefix}*")
    assert set(left) == {place.key(name).encode() for name in ("meta", "a")}


async def test_the_lease_is_kept_while_the_feed_is_silent(place: ValkeyPlace) -> None:
    rests = [asyncio.Event() for _ in range(3)]
    asked: list[float] = []

    async def rest(seconds: float) -> None:
        asked.append(seconds)
        rests[len(asked) - 1].set()
        if len(asked) == len(rests):
            await asyncio.Event().wait()

    writer = ValkeyWriter(place.server(), lease_s=LEASE_S, sleep=rest)
    await writer.acquire()
    await rests[-1].wait()
    assert asked == [LEASE_S / 3] * 3
    await writer.close()


async def test_full_memory_refuses_changes_and_lets_the_copy_be_closed(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path) as server:
        copy = Copy(ValkeyPlace(server.url, tmp_path))
        await copy.writer.acquire()
        await copy.snapshot(5, "1")
        async with Valkey.from_url(server.url) as admin:
            await admin.config_set("maxmemory", "1")
        with pytest.raises(SinkUnavailable, match="OutOfMemory"):
            await copy.writer.apply(Position(1, 6), [granted(6, "ada", "2")])
        assert await copy.granted("1", "2") == {"1"}
        await copy.writer.mark_incomplete()
        with pytest.raises(ReplicaNotReady, match="missing"):
            await copy.granted("1")
        await copy.close()
