"""The feed over three NATS servers, of which one goes under changes: it is back soon, or never."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from orders_svc.feed.follower import Follower
from products_svc.feed.jetstream import JetStreamLog
from products_svc.feed.publisher import Outrun
from products_svc.store.values import WantedGrant
from tests.feed_kit import changes, granted, heartbeat
from tests.nats_cluster import NatsCluster, running_nats_cluster
from tests.nats_kit import CONSUMER, Copy, Worker, begun, new_stream, until_published
from tests.products_kit import Lab, Service
from waybill.testing import FakeClock

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    with running_nats_cluster(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def stream() -> str:
    return new_stream()


async def change(products: Service, count: int) -> int:
    """Give and take; the revision then."""
    revision = 0
    for number in range(count):
        if number % 2:
            revision = await products.revoke("ada", "2")
        else:
            revision = await products.grant("ada", "2")
    return revision


async def test_a_publisher_that_was_outrun_is_refused(cluster: NatsCluster, stream: str) -> None:
    """By a cluster as by one server, also where both publish at once."""
    await cluster.has_elected()
    log = JetStreamLog(cluster.url, stream, 100, replicas=3)
    async with log.opened() as one, log.opened() as other:
        await one.append(changes(1, 0, granted(1, "ada", "1")))
        with pytest.raises(Outrun):
            await other.append(heartbeat(1, 0))
    async with log.opened() as one, log.opened() as other:
        done = await asyncio.gather(
            *(each.append(heartbeat(1, 1)) for each in (one, other)), return_exceptions=True
        )
    assert {type(each) for each in done} == {type(None), Outrun}


@pytest.mark.parametrize("end", [NatsCluster.restart, NatsCluster.crash])
async def test_the_leader_goes_under_changes(
    tmp_path: Path, stream: str, cluster: NatsCluster, end: Callable[[NatsCluster, str], None]
) -> None:
    """Nothing is lost, nothing is applied twice, and nobody takes a second snapshot."""
    await cluster.has_elected()
    lab = Lab(tmp_path)
    lab.fill(["1", "2"], [WantedGrant("ada", "1", 0, None)])
    copy = Copy(lab, tmp_path, cluster.url, stream)
    settings = {"feed_url": cluster.url, "feed_stream": stream, "feed_replicas": 3}
    async with lab.service(**settings) as products:
        await begun(cluster.url, stream)
        async with copy.following(products.port) as follower:
            await copy.granted("ada", revision=1)
            first = await change(products, 10)
            await copy.granted("ada", revision=first)
            leader = await cluster.leader(stream)
            changing = asyncio.create_task(change(products, 20))
            await asyncio.to_thread(end, cluster, leader)
            last = await changing
            assert await copy.granted("ada", "1", "2", revision=last) == {"1"}
            assert follower.counters.applied == last - 1
            assert follower.counters.snapshots == 1
            assert follower.counters.gaps == 0
        held = await until_published(cluster.url, stream, last)
        assert held == list(range(2, last + 1))
    await copy.close()


ROLES = ((0, 1, 2), (1, 0, 2), (1, 2, 0))
"""Of a shop: which server leads its stream, which its copy's consumer, which has all connections.
The first is killed."""


class Outcome(NamedTuple):
    """What a shop has come to: its last revision, what is granted, the stream's revisions, and how
    many changes and snapshots its copy has applied."""

    revision: int
    granted: set[str]
    published: list[int]
    applied: int
    snapshots: int


@dataclass
class Shop:
    """Products, a copy and a process that keeps revocations, over a stream of their own."""

    cluster: NatsCluster
    stream: str
    products: Service
    copy: Copy
    follower: Follower
    worker: Worker

    async def begins(self, stream_leader: str, consumer_leader: str) -> None:
        """Until all follow, with these leaders."""
        await self.cluster.lead(stream_leader, self.stream)
        await self.copy.granted("ada", revision=await self._changed_and_known(10))
        await self.cluster.lead(consumer_leader, self.stream, CONSUMER)

    async def goes_on(self) -> "Outcome":
        """Change, until all know."""
        revision = await self._changed_and_known(20)
        return Outcome(
            revision,
            await self.copy.granted("ada", "1", "2", revision=revision),
            await until_published(self.cluster.url, self.stream, revision),
            self.follower.counters.applied,
            self.follower.counters.snapshots,
        )

    async def _changed_and_known(self, count: int) -> int:
        revision = await change(self.products, count)
        await self.worker.until(self.worker.issued("ada", revision - 1), "STATE_SUPERSEDED")
        await self.worker.until(self.worker.issued("ada", revision), "ok")
        return revision


@asynccontextmanager
async def open_shop(folder: Path, cluster: NatsCluster, connected_to: str) -> AsyncIterator[Shop]:
    await asyncio.to_thread(folder.mkdir)
    lab = Lab(folder, clock=FakeClock(time.time()))  # NATS has the real one
    lab.fill(["1", "2"], [WantedGrant("ada", "1", 0, None)])
    lab.clock.advance(1.0)  # times of issue are whole seconds, and the epoch began within one
    url, stream = cluster.url_from(connected_to), new_stream()
    copy, worker = Copy(lab, folder, url, stream), Worker(url, stream, lab.clock)
    settings = {"feed_url": url, "feed_stream": stream, "feed_replicas": 3}
    async with lab.service(**settings, watch_heartbeat_s=0.2) as products:
        await begun(url, stream)
        async with copy.following(products.port) as follower, worker.following():
            await copy.granted("ada", revision=1)
            yield Shop(cluster, stream, products, copy, follower, worker)
    await copy.close()


async def test_a_server_stays_away(
    tmp_path: Path, cluster: NatsCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it did: publisher, copy and revocations go on without it."""
    in_order = SimpleNamespace(sample=lambda servers, _count: servers)
    monkeypatch.setattr("waybill.jetstream.random", in_order)
    await cluster.has_elected()
    names = cluster.names
    async with AsyncExitStack() as stack:
        shops: list[Shop] = []
        for stream_leader, consumer_leader, connected_to in ROLES:
            opened = open_shop(tmp_path / f"shop-{len(shops)}", cluster, names[connected_to])
            shops.append(await stack.enter_async_context(opened))
            await shops[-1].begins(names[stream_leader], names[consumer_leader])
        going_on = [asyncio.create_task(each.goes_on()) for each in shops]
        with cluster.without(names[0]):
            outcomes = await asyncio.gather(*going_on)
    for outcome in outcomes:
        assert outcome.granted == {"1"}
        assert outcome.published == list(range(2, outcome.revision + 1)), "nothing is lost"
        assert outcome.applied == outcome.revision - 1, "nothing is applied twice"
        assert outcome.snapshots == 1
