"""The feed over three NATS servers, of which the one that leads goes under changes."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from products_svc.feed.jetstream import JetStreamLog
from products_svc.feed.publisher import Outrun
from products_svc.store.values import WantedGrant
from tests.feed_kit import changes, granted, heartbeat
from tests.nats_cluster import NatsCluster, running_nats_cluster
from tests.nats_kit import Copy, begun, new_stream, operating, until_published
from tests.products_kit import Lab, Service

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
            leader = await led_by(cluster.url, stream)
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


async def led_by(url: str, stream: str) -> str:
    async with operating(url) as js:
        info = await js.stream_info(stream)
    assert info.config.num_replicas == 3
    assert info.cluster is not None
    return str(info.cluster.leader)
