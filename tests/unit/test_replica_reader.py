"""What the copy answers, when it may, and how long it is waited for."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orders_svc.access import AccessQuery, Grant
from orders_svc.feed.steps import Position
from orders_svc.replica.environments import FolderEnvironment, OwnEnvironment
from orders_svc.replica.patience import Patience
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.strategies.replica import ReplicaResolver
from shop.products.v1.products_pb2 import Grant as WireGrant
from tests.feed_kit import granted
from waybill.errors import ReplicaNotReady, RevisionNotReached
from waybill.testing import FakeClock

WRITE_IN_OTHER_PROCESS = """
import pathlib, sys
from orders_svc.feed.steps import Position
from orders_svc.replica.store import ReplicaStore
from shop.products.v1.products_pb2 import Grant
folder, revision, count, synced_at = sys.argv[1:]
store = ReplicaStore(pathlib.Path(folder), (1 << 18) + 1024 * int(count))
store.begin_snapshot()
grants = [("ada", Grant(product_id=f"{n:060}")) for n in range(int(count))]
store.stage(int(revision), grants)
store.commit_snapshot(Position(1, int(revision)), int(count), float(synced_at))
store.close()
"""


class Lab:
    """A store with one grant, a reader, and one time for both clocks of the reader."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sleeps: list[float] = []
        self.store = ReplicaStore(folder, 1 << 20)
        self.reader = ReplicaReader(
            OwnEnvironment(self.store.environment),
            Trust(clock=self.clock),
            Patience(timer=self.clock, sleep=self.sleep),
        )
        self.arrives: dict[int, int] = {}

    def snapshot(self) -> None:
        self.store.begin_snapshot()
        self.store.stage(
            5, [("ada", WireGrant(product_id="1", max_quantity=3, unit_price_micros=7))]
        )
        self.store.commit_snapshot(Position(1, 5), 1, self.clock())

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.clock.advance(seconds)
        revision = self.arrives.get(len(self.sleeps))
        if revision:
            self.store.apply(Position(1, revision), [granted(revision, "ada", "2")])


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.store.close()


@pytest.fixture
def lab(cold: Lab) -> Lab:
    cold.snapshot()
    return cold


def query(*ids: str, min_revision: int = 0, time_left_s: float | None = None) -> AccessQuery:
    return AccessQuery("ada", ids, min_revision, (), (), time_left_s)


def test_grants_as_of_the_copys_revision(lab: Lab) -> None:
    lab.store.apply(Position(1, 9), [granted(9, "eve", "2")])
    assert lab.reader.grants("ada", ["1", "2"]) == {"1": Grant("1", 3, 7, 9)}


@pytest.mark.parametrize(
    ("subject", "product_id"),
    [("eve", "1"), ("ad", "a\0001"), ("", "meta"), ("", ""), ("\xff", "meta"), ("a" * 9999, "1")],
)
def test_others_have_nothing(lab: Lab, subject: str, product_id: str) -> None:
    assert lab.reader.grants(subject, [product_id]) == {}


def test_cold(cold: Lab) -> None:
    with pytest.raises(ReplicaNotReady, match="cold"):
        cold.reader.grants("ada", ["1"])
    assert cold.reader.lag_s() is None


def test_gap(lab: Lab) -> None:
    lab.store.mark_incomplete()
    with pytest.raises(ReplicaNotReady, match="missing"):
        lab.reader.grants("ada", ["1"])


def test_lag_over_the_bound(lab: Lab) -> None:
    lab.clock.advance(5.0)
    assert lab.reader.grants("ada", ["1"])
    lab.clock.advance(0.1)
    with pytest.raises(ReplicaNotReady, match=r"lags 5\.1 s"):
        lab.reader.grants("ada", ["1"])
    lab.store.mark_complete(lab.clock())
    assert lab.reader.grants("ada", ["1"])


def test_a_clock_set_back_does_not_make_an_old_copy_young(lab: Lab) -> None:
    lab.clock.advance(-3600.0)
    with pytest.raises(ReplicaNotReady, match="clock"):
        lab.reader.grants("ada", ["1"])


def test_changes_alone_do_not_make_the_copy_complete(lab: Lab) -> None:
    lab.clock.advance(5.1)
    lab.store.apply(Position(1, 9), [granted(9, "ada", "2")])
    with pytest.raises(ReplicaNotReady):
        lab.reader.grants("ada", ["2"])


async def test_status_and_check(lab: Lab) -> None:
    lab.clock.advance(2.0)
    status = lab.reader.status()
    assert (status.epoch, status.revision, status.grants, status.lag_s) == (1, 5, 1, 2.0)
    assert await lab.reader.check() is None
    lab.clock.advance(4.0)
    assert "lags" in str(await lab.reader.check())


async def test_what_was_seen_is_told_without_a_look(lab: Lab) -> None:
    assert lab.reader.seen() is None
    await lab.reader.check()
    looked = lab.reader.status()
    lab.store.apply(Position(1, 9), [granted(9, "ada", "2")])
    assert lab.reader.seen() == looked


async def test_waits_for_the_revision(lab: Lab) -> None:
    lab.arrives = {4: 6}
    grants = await ReplicaResolver(lab.reader).resolve(query("2", min_revision=6, time_left_s=1.0))
    assert grants["2"].revision == 6
    assert lab.sleeps == [0.01] * 4


async def test_no_wait_for_what_is_there(lab: Lab) -> None:
    assert await ReplicaResolver(lab.reader).resolve(query("1", min_revision=5))
    assert lab.sleeps == []


@pytest.mark.parametrize(("time_left_s", "waited_s"), [(1.0, 0.95), (None, 2.0), (60.0, 2.0)])
async def test_waits_no_longer_than_the_caller_has_time(
    lab: Lab, time_left_s: float | None, waited_s: float
) -> None:
    lab.reader._patience._wait_bound_s = 2.0
    resolver = ReplicaResolver(lab.reader)
    with pytest.raises(RevisionNotReached):
        await resolver.resolve(query("1", min_revision=6, time_left_s=time_left_s))
    assert sum(lab.sleeps) == pytest.approx(waited_s, abs=0.011)


async def test_only_so_many_wait_and_one_that_leaves_makes_room() -> None:
    patience = Patience(sleep=lambda _: asyncio.sleep(3600), max_waiting=2)

    async def never_reached() -> dict[str, Grant]:
        raise RevisionNotReached

    def wait() -> asyncio.Task[object]:
        return asyncio.ensure_future(patience.until_reached(never_reached, None))

    waiting = [wait(), wait()]
    with pytest.raises(RevisionNotReached):
        await asyncio.wait_for(wait(), 5)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    waiting.append(wait())
    await asyncio.sleep(0)
    assert not waiting[-1].done()
    for each in waiting:
        each.cancel()


async def test_does_not_wait_while_the_copy_is_unusable(lab: Lab) -> None:
    lab.store.mark_incomplete()
    with pytest.raises(ReplicaNotReady):
        await ReplicaResolver(lab.reader).resolve(query("1", min_revision=6, time_left_s=9.0))
    assert lab.sleeps == []


def written_elsewhere(folder: Path, revision: int, count: int, clock: FakeClock) -> None:
    arguments = [str(folder), str(revision), str(count), str(clock())]
    subprocess.run([sys.executable, "-c", WRITE_IN_OTHER_PROCESS, *arguments], check=True)


def test_reads_what_another_process_writes(tmp_path: Path) -> None:
    clock = FakeClock()
    folder = FolderEnvironment(tmp_path / "replica")
    reader = ReplicaReader(folder, Trust(clock=clock))
    assert "no replica" in str(reader.status().problem)
    with pytest.raises(ReplicaNotReady):
        reader.grants("ada", ["1"])
    written_elsewhere(tmp_path / "replica", 5, 1, clock)
    assert reader.grants("ada", [f"{0:060}"])
    written_elsewhere(tmp_path / "replica", 6, 20_000, clock)  # beyond the map as it was opened
    assert reader.grants("ada", [f"{19_999:060}"])
    assert reader.revision == 6
    folder.close()


def test_finds_a_replica_that_was_made_anew(tmp_path: Path) -> None:
    clock = FakeClock()
    folder = FolderEnvironment(tmp_path / "replica")
    reader = ReplicaReader(folder, Trust(clock=clock))
    written_elsewhere(tmp_path / "replica", 5, 1, clock)
    assert reader.revision == 5
    shutil.rmtree(tmp_path / "replica")
    clock.advance(60.0)
    written_elsewhere(tmp_path / "replica", 7, 1, clock)
    with pytest.raises(ReplicaNotReady):
        reader.grants("ada", ["1"])
    assert reader.revision == 7
    folder.close()
