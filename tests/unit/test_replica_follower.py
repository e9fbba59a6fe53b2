"""The loop around the feed: resuming, backing off, noticing silence, counting."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import structlog

from orders_svc.feed.follower import Follower
from orders_svc.feed.pace import Pace
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.sink import ReplicaSink
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.replica.writer import ReplicaWriter
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.feed_kit import Products, changes, granted, heartbeat, snapshot_end, snapshot_start
from waybill.errors import ReplicaNotReady, UpstreamUnavailable
from waybill.testing import FakeClock

Script = Callable[[int, int], Sequence[WatchAccessResponse]]


class Lab:
    """A follower whose streams are written down, one after another."""

    def __init__(self, folder: Path, map_bytes: int = 1 << 20) -> None:
        self.clock = FakeClock()
        self.store = ReplicaStore(folder, map_bytes)
        self.writer = ReplicaWriter(self.store)
        self.reader = ReplicaReader(OwnEnvironment(self.store.environment), Trust(clock=self.clock))
        self.scripts: list[Script | Exception] = []
        self.asked: list[tuple[int, int]] = []
        self.waits: list[float] = []
        self.idle = asyncio.Event()
        self.hanging = False
        self.follower = Follower(
            self,
            ReplicaSink(self.writer, self.clock),
            name="replica",
            log=structlog.testing.CapturingLogger(),
            pace=Pace(silence_s=0.02, first_event_s=0.02, backoff_s=1.0, max_backoff_s=8.0),
            clock=self.clock,
            chance=lambda: 0.0,
            sleep=self.sleep,
        )

    async def watch(
        self, epoch: int, resume_revision: int
    ) -> AsyncGenerator[WatchAccessResponse, None]:
        self.asked.append((epoch, resume_revision))
        script = self.scripts.pop(0)
        if isinstance(script, Exception):
            raise script
        for event in script(epoch, resume_revision):
            yield event
        if self.hanging:
            await asyncio.Event().wait()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if not self.scripts:
            self.idle.set()
            await asyncio.Event().wait()

    async def play(self, *scripts: Script | Exception) -> None:
        """Run one stream after another, then stop, as a crash between two events would."""
        self.scripts = list(scripts)
        self.idle.clear()
        running = asyncio.create_task(self.follower.run())
        idle = asyncio.create_task(self.idle.wait())
        await asyncio.wait({running, idle}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        idle.cancel()
        await asyncio.wait({running, idle})


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with opened(tmp_path) as lab:
        yield lab


@asynccontextmanager
async def opened(folder: Path, map_bytes: int = 1 << 20) -> AsyncIterator[Lab]:
    lab = Lab(folder, map_bytes)
    yield lab
    await lab.writer.close()


@pytest.fixture
def products() -> Products:
    products = Products()
    products.grant("ada", "1", 5, 100)
    products.grant("bob", "2", 0, 200)
    return products


def said(*events: WatchAccessResponse) -> Script:
    return lambda _epoch, _resume: events


async def test_begins_with_a_snapshot_and_resumes(lab: Lab, products: Products) -> None:
    await lab.play(products.stream)
    assert set(lab.reader.grants("ada", ["1", "2"])) == {"1"}
    products.revoke("ada", "1")
    products.grant("ada", "2")
    await lab.play(products.stream)
    assert lab.asked == [(0, 0), (1, 2)]
    assert set(lab.reader.grants("ada", ["1", "2"])) == {"2"}
    assert lab.reader.revision == 4
    counters = lab.follower.counters
    assert (counters.snapshots, counters.applied, counters.heartbeats) == (1, 2, 2)


async def test_resumes_from_disk(tmp_path: Path, products: Products) -> None:
    async with opened(tmp_path) as before:
        await before.play(products.stream)
    products.grant("ada", "3")
    async with opened(tmp_path) as after:
        await after.play(products.stream)
        assert after.asked == [(1, 2)]
        assert after.reader.grants("ada", ["3"])


async def test_compacted_history_means_a_snapshot(lab: Lab, products: Products) -> None:
    await lab.play(products.stream)
    products.revoke("ada", "1")
    products.compact()
    products.grant("ada", "3")
    await lab.play(products.stream, products.stream)
    assert lab.asked == [(0, 0), (1, 2), (0, 0)]
    assert set(lab.reader.grants("ada", ["1", "3"])) == {"3"}
    assert lab.follower.counters.compacted == 1


async def test_nobody_decides_between_compaction_and_snapshot(lab: Lab, products: Products) -> None:
    await lab.play(products.stream)
    products.grant("ada", "3")
    products.compact()
    products.grant("ada", "4")
    await lab.play(products.stream)
    with pytest.raises(ReplicaNotReady, match="missing"):
        lab.reader.grants("ada", ["1"])


async def test_a_gap_makes_the_copy_unusable_until_it_is_filled(
    lab: Lab, products: Products
) -> None:
    await lab.play(products.stream)
    await lab.play(said(changes(1, 3, granted(4, "ada", "9"))))
    with pytest.raises(ReplicaNotReady, match="missing"):
        lab.reader.grants("ada", ["1"])
    assert lab.follower.counters.gaps == 1
    products.grant("ada", "8")
    products.grant("ada", "9")
    await lab.play(products.stream)
    assert lab.asked[-1] == (1, 2)
    assert set(lab.reader.grants("ada", ["8", "9"])) == {"8", "9"}


async def test_a_new_history_is_adopted_whole(lab: Lab, products: Products) -> None:
    await lab.play(products.stream)
    anew = Products(epoch=2)
    anew.grant("eve", "1")
    await lab.play(anew.stream)
    assert lab.reader.grants("ada", ["1"]) == {}
    assert set(lab.reader.grants("eve", ["1"])) == {"1"}
    assert lab.reader.status().epoch == 2


@pytest.mark.parametrize("history", ["older epoch", "shorter"])
async def test_a_dead_history_is_never_adopted(lab: Lab, history: str) -> None:
    dead = Products(epoch=1 if history == "older epoch" else 2)
    products = Products(epoch=2)
    products.grant("ada", "1")
    await lab.play(products.stream)
    await lab.play(dead.stream)
    assert set(lab.reader.grants("ada", ["1"])) == {"1"}
    lab.clock.advance(6.0)
    await lab.play(dead.stream)
    with pytest.raises(ReplicaNotReady, match="lags"):
        lab.reader.grants("ada", ["1"])


async def test_emptiness_is_not_adopted_until_somebody_is_granted_something(
    lab: Lab, products: Products
) -> None:
    await lab.play(products.stream)
    anew = Products(epoch=2)
    await lab.play(anew.stream)
    with pytest.raises(ReplicaNotReady, match="missing"):
        lab.reader.grants("ada", ["1"])
    assert lab.reader.status().grants == 2
    anew.grant("eve", "1")
    await lab.play(anew.stream)
    assert set(lab.reader.grants("eve", ["1"])) == {"1"}
    assert lab.reader.status().grants == 1


async def test_a_history_that_starts_anew_during_a_snapshot_makes_the_copy_unusable(
    lab: Lab, products: Products
) -> None:
    await lab.play(products.stream)
    await lab.play(said(snapshot_start(2, 9), heartbeat(3, 1)))
    with pytest.raises(ReplicaNotReady, match="missing"):
        lab.reader.grants("ada", ["1"])


async def test_an_incomplete_snapshot_is_dropped_and_asked_for_again(
    lab: Lab, products: Products
) -> None:
    await lab.play(said(snapshot_start(1, 2), snapshot_end(1, 2, 2)), products.stream)
    assert lab.asked == [(0, 0), (0, 0)]
    assert lab.follower.counters.lost_snapshots == 1
    assert set(lab.reader.grants("ada", ["1"])) == {"1"}


async def test_a_broken_snapshot_leaves_the_old_copy(lab: Lab, products: Products) -> None:
    await lab.play(products.stream)
    anew = Products(epoch=2)
    anew.grant("eve", "1")
    await lab.play(lambda epoch, resume: anew.stream(epoch, resume)[:2])
    assert set(lab.reader.grants("ada", ["1"])) == {"1"}
    assert lab.reader.status().epoch == 1


async def test_silence_ends_a_stream(lab: Lab, products: Products) -> None:
    lab.hanging = True
    await lab.play(products.stream, products.stream)
    assert lab.follower.counters.silences == 2
    assert lab.asked == [(0, 0), (1, 2)]


@pytest.mark.parametrize(("looked_s_ago", "lag_s"), [(None, 0.0), (3.0, 3.0), (-3.0, 0.0)])
async def test_lag_counts_from_when_the_source_looked(
    lab: Lab, products: Products, looked_s_ago: float | None, lag_s: float
) -> None:
    await lab.play(products.stream)
    looked_at = None if looked_s_ago is None else lab.clock() - looked_s_ago
    await lab.play(said(heartbeat(1, 2, looked_at)))
    assert lab.reader.lag_s() == pytest.approx(lag_s)


async def test_only_useless_events_are_silence_too(lab: Lab, products: Products) -> None:
    await lab.play(products.stream)

    async def repeat(_epoch: int, _resume: int) -> AsyncGenerator[WatchAccessResponse, None]:
        while True:
            await asyncio.sleep(0)
            yield heartbeat(1, 1)

    lab.follower._feed = type("Repeating", (), {"watch": staticmethod(repeat)})()
    await lab.play()
    assert lab.follower.counters.silences == 1
    assert lab.follower.counters.ignored["duplicate"] > 1  # type: ignore[index]


async def test_back_off_grows_and_starts_again(lab: Lab, products: Products) -> None:
    down = UpstreamUnavailable("down")
    await lab.play(down, down, down, down, down, products.stream, down)
    assert lab.waits == [1.0, 2.0, 4.0, 8.0, 8.0, 1.0, 2.0]


def test_chance_takes_up_to_half_of_the_wait() -> None:
    pace = Pace(backoff_s=1.0, max_backoff_s=8.0)
    assert pace.wait_s(0, 1.0) == 0.5
    assert pace.wait_s(10_000, 0.5) == 6.0


@pytest.mark.parametrize(("bound_s", "silence_s"), [(5.0, 3.0), (0.5, 0.3), (7200.0, 30.0)])
def test_silence_is_noticed_within_the_bound(bound_s: float, silence_s: float) -> None:
    assert Pace.within(bound_s).silence_s == pytest.approx(silence_s)


async def test_an_unexpected_failure_does_not_end_the_following(
    lab: Lab, products: Products
) -> None:
    await lab.play(ValueError("a bug"), products.stream)
    assert lab.reader.revision == 2


async def test_a_snapshot_larger_than_the_map(tmp_path: Path) -> None:
    products = Products()
    for n in range(6000):
        products.grant("ada", f"{n:040}")
    async with opened(tmp_path, map_bytes=1 << 16) as lab:
        await lab.play(*[products.stream] * 8)
        assert lab.reader.status().grants == 6000
        assert lab.follower.counters.lost_snapshots > 1
        for n in range(6000, 9000):
            products.grant("ada", f"{n:040}")
        await lab.play(lambda epoch, resume: products.stream(epoch, resume, batch=1000))
        assert lab.reader.status().grants == 9000


async def test_commits_what_came_when_it_is_cancelled(lab: Lab, products: Products) -> None:
    running = asyncio.create_task(lab.follower.run())
    lab.hanging = True
    lab.scripts = [products.stream]
    while lab.follower.counters.heartbeats == 0:  # noqa: ASYNC110 - the writer's thread takes time
        await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert lab.store.meta().revision == 2


async def test_ends_also_where_the_feed_swallows_the_cancellation(lab: Lab) -> None:
    asked = asyncio.Event()

    async def deaf(_epoch: int, _resume: int) -> AsyncGenerator[WatchAccessResponse, None]:
        asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        if asked.is_set():
            raise UpstreamUnavailable("the connection is lost")
        yield WatchAccessResponse()  # so that this is a generator

    lab.follower._feed = type("Deaf", (), {"watch": staticmethod(deaf)})()
    lab.follower._pace = Pace()
    running = asyncio.create_task(lab.follower.run())
    await asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
