"""What must hold of a copy wherever it is kept: for a real LMDB, Valkey and cluster of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orders_svc.access import Grant
from orders_svc.feed.follower import SnapshotDropped
from orders_svc.feed.steps import Position
from orders_svc.replica.records import COLD, Meta
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.copy_kit import Copy, Script
from tests.feed_kit import Products, changes, granted, revoked, snapshot_end, snapshot_start
from tests.replica_kit import LmdbPlace, Place, ValkeyPlace
from waybill.errors import ReplicaNotReady, RevisionNotReached
from waybill.testing import FakeClock

pytestmark = pytest.mark.engines


@pytest.fixture(params=["lmdb", "valkey", "cluster"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "lmdb":
        return LmdbPlace(tmp_path)
    if request.param == "cluster":
        return ValkeyPlace(request.getfixturevalue("valkey_cluster").url, tmp_path)
    return ValkeyPlace(request.getfixturevalue("valkey_url"), tmp_path)


def said(*events: WatchAccessResponse) -> Script:
    return lambda _epoch, _resume: events


@pytest.fixture
async def copy(place: Place) -> AsyncIterator[Copy]:
    copy = Copy(place, FakeClock())
    await copy.writer.acquire()
    yield copy
    await copy.close()


@pytest.fixture
def products() -> Products:
    products = Products()
    products.grant("ada", "1", 5, 100)
    products.grant("bob", "2", 0, 200)
    return products


async def test_is_cold_at_first(copy: Copy) -> None:
    assert await copy.writer.meta() == COLD
    with pytest.raises(ReplicaNotReady, match="cold"):
        await copy.grants("ada", "1")
    assert "cold" in str(await copy.reader.check())


async def test_a_snapshot_replaces_everything(copy: Copy) -> None:
    await copy.snapshot(5, "1", "2")
    await copy.snapshot(6, "3")
    assert await copy.writer.meta() == Meta(1, 6, copy.clock(), ready=True, grants=1)
    assert await copy.grants("ada", "1", "2", "3") == {"3": Grant("3", 3, 0, 6)}
    assert await copy.reader.check() is None


async def test_an_empty_snapshot_is_a_copy(copy: Copy) -> None:
    await copy.snapshot(5)
    assert await copy.grants("ada", "1") == {}


async def test_readers_see_nothing_of_a_staged_snapshot(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    await copy.stage(6, *map(str, range(2, 5000)))
    assert set(await copy.grants("ada", "1", "2", "3")) == {"1"}
    await copy.writer.discard_snapshot()
    assert set(await copy.grants("ada", "1", "2", "3")) == {"1"}


async def test_a_large_snapshot(copy: Copy) -> None:
    await copy.snapshot(5, *map(str, range(10_000)))
    assert (await copy.writer.meta()).grants == 10_000
    assert set(await copy.grants("ada", "9999", "10000")) == {"9999"}


@pytest.mark.parametrize("count", [1, 3])
async def test_another_count_drops_the_snapshot(copy: Copy, count: int) -> None:
    with pytest.raises(SnapshotDropped):
        await copy.snapshot(5, "1", "2", count=count)
    assert await copy.writer.meta() == COLD


async def test_a_repeated_grant_does_not_make_up_for_a_lost_one(copy: Copy) -> None:
    with pytest.raises(SnapshotDropped):
        await copy.snapshot(5, "1", "1")


async def test_a_snapshot_begins_without_what_was_staged_before(copy: Copy) -> None:
    await copy.stage(5, *map(str, range(5000)))
    await copy.snapshot(6, "1")
    assert (await copy.writer.meta()).grants == 1


async def test_changes_and_position_are_one_write(copy: Copy) -> None:
    await copy.snapshot(5, "1", "2")
    await copy.writer.apply(
        Position(1, 8), [granted(6, "ada", "3"), revoked(7, "ada", "1"), revoked(8, "eve", "1")]
    )
    assert await copy.writer.meta() == Meta(1, 8, copy.clock(), ready=True, grants=2)
    assert set(await copy.grants("ada", "1", "2", "3")) == {"2", "3"}


async def test_a_grant_that_changes_counts_once(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    await copy.writer.apply(
        Position(1, 7), [granted(6, "ada", "1", 9, 90), granted(7, "ada", "1", 8, 80)]
    )
    assert (await copy.writer.meta()).grants == 1
    assert await copy.grants("ada", "1") == {"1": Grant("1", 8, 80, 7)}


async def test_extremes_come_back(copy: Copy) -> None:
    most, price = 2**31 - 1, 2**63 - 1
    await copy.snapshot(2**53, "1")
    await copy.writer.apply(
        Position(1, 2**53 + 1), [granted(2**53 + 1, "ä\n{x}", "ü", most, price)]
    )
    assert await copy.grants("ä\n{x}", "ü") == {"ü": Grant("ü", most, price, 2**53 + 1)}


@pytest.mark.parametrize("subject", ["eve", "ad", "", "ada\0001"])
async def test_others_have_nothing(copy: Copy, subject: str) -> None:
    await copy.snapshot(5, "1")
    assert await copy.grants(subject, "1", "a\0001", "") == {}


async def test_incomplete_until_complete(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    await copy.writer.mark_incomplete()
    with pytest.raises(ReplicaNotReady, match="missing"):
        await copy.grants("ada", "1")
    copy.clock.advance(3.0)
    await copy.writer.mark_complete(copy.clock())
    assert await copy.grants("ada", "1")
    assert (await copy.writer.meta()).synced_at == copy.clock()


async def test_incomplete_in_the_middle_of_a_snapshot(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    await copy.stage(6, "1", "2")
    await copy.writer.mark_incomplete()
    with pytest.raises(ReplicaNotReady, match="missing"):
        await copy.grants("ada", "1")


async def test_lag_over_the_bound(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    copy.clock.advance(5.0)
    assert await copy.grants("ada", "1")
    copy.clock.advance(0.1)
    with pytest.raises(ReplicaNotReady, match=r"lags 5\.1 s"):
        await copy.grants("ada", "1")
    await copy.writer.mark_complete(copy.clock())
    assert await copy.grants("ada", "1")


async def test_a_clock_set_back_does_not_make_an_old_copy_young(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    copy.clock.advance(-3600.0)
    with pytest.raises(ReplicaNotReady, match="clock"):
        await copy.grants("ada", "1")


async def test_a_demanded_revision(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    assert await copy.grants("ada", "1", min_revision=5)
    with pytest.raises(RevisionNotReached):
        await copy.grants("ada", "1", min_revision=6)


async def test_a_demanded_revision_is_waited_for(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    waiting = asyncio.create_task(copy.reader.grants_at("ada", ["2"], 6, 20.0))
    await asyncio.sleep(0)
    await copy.writer.apply(Position(1, 6), [granted(6, "ada", "2")])
    assert (await waiting)["2"].revision == 6


async def test_the_next_writer_finds_the_copy(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    await copy.stage(6, "2", "3")
    await copy.close()
    copy.open()
    await copy.writer.acquire()
    assert await copy.writer.meta() == Meta(1, 5, copy.clock(), ready=True, grants=1)
    assert set(await copy.grants("ada", "1", "2")) == {"1"}


async def test_a_reader_without_a_writer(copy: Copy) -> None:
    await copy.snapshot(5, "1")
    await copy.close()
    reader = copy.place.reader(None, copy.clock)
    assert set(await reader.grants_at("ada", ["1", "2"], 5, 0.0)) == {"1"}
    await reader.close()
    copy.open()


# The follower over it.


async def test_follows(copy: Copy, products: Products) -> None:
    await copy.follow(products.stream)
    assert set(await copy.grants("ada", "1", "2")) == {"1"}
    products.revoke("ada", "1")
    products.grant("ada", "2")
    follower = await copy.follow(products.stream)
    assert set(await copy.grants("ada", "1", "2")) == {"2"}
    assert follower.counters.snapshots == 0


async def test_a_gap_makes_the_copy_unusable_until_it_is_filled(
    copy: Copy, products: Products
) -> None:
    await copy.follow(products.stream, said(changes(1, 3, granted(4, "ada", "9"))))
    with pytest.raises(ReplicaNotReady, match="missing"):
        await copy.grants("ada", "1")
    products.grant("ada", "8")
    products.grant("ada", "9")
    await copy.follow(products.stream)
    assert set(await copy.grants("ada", "8", "9")) == {"8", "9"}


async def test_duplicates_are_applied_once(copy: Copy, products: Products) -> None:
    await copy.follow(products.stream)
    again = granted(1, "ada", "1", 1, 1)
    await copy.follow(said(changes(1, 0, again), changes(1, 0, again, granted(2, "bob", "2"))))
    assert (await copy.grants("ada", "1"))["1"].max_quantity == 5
    assert (await copy.writer.meta()).revision == 2


@pytest.mark.parametrize("history", ["older epoch", "shorter"])
async def test_a_dead_history_is_never_adopted(copy: Copy, history: str) -> None:
    dead = Products(epoch=1 if history == "older epoch" else 2)
    dead.grant("eve", "1")
    products = Products(epoch=2)
    products.grant("ada", "1")
    products.grant("ada", "2")
    await copy.follow(products.stream, dead.stream)
    assert set(await copy.grants("ada", "1")) == {"1"}
    copy.clock.advance(6.0)
    await copy.follow(dead.stream)
    with pytest.raises(ReplicaNotReady, match="lags"):
        await copy.grants("ada", "1")


async def test_a_new_history_is_adopted_whole_once_it_has_a_grant(
    copy: Copy, products: Products
) -> None:
    anew = Products(epoch=2)
    await copy.follow(products.stream, anew.stream)
    with pytest.raises(ReplicaNotReady, match="missing"):
        await copy.grants("ada", "1")
    anew.grant("eve", "1")
    await copy.follow(anew.stream)
    assert await copy.grants("ada", "1") == {}
    assert set(await copy.grants("eve", "1")) == {"1"}


async def test_an_incomplete_snapshot_leaves_the_copy(copy: Copy, products: Products) -> None:
    await copy.follow(products.stream, said(snapshot_start(2, 9), snapshot_end(2, 9, 2)))
    assert set(await copy.grants("ada", "1")) == {"1"}


async def test_two_writers_in_turn(place: Place, products: Products) -> None:
    """What one has left the other goes on with, snapshot or not."""
    for revision in range(2, 6):
        copy = Copy(place, FakeClock())
        follower = await copy.follow(products.stream)
        assert follower.counters.snapshots == (revision == 2)
        assert (await copy.writer.meta()).revision == revision
        products.grant("ada", str(revision))
        await copy.close()
