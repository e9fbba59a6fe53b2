"""The copy in a cluster of Valkey, whose nodes send on to each other, go, and are replaced."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mesh.launcher import free_port
from orders_svc.feed.follower import SinkUnavailable
from orders_svc.feed.steps import Position
from orders_svc.replica.valkey.writer import CopyLost
from tests.copy_kit import Copy
from tests.feed_kit import Products, granted
from tests.replica_kit import ValkeyPlace
from tests.tls_kit import Trusted
from tests.valkey_cluster import PRIMARIES, Cluster, announcing_cluster, running_cluster
from waybill.errors import ReplicaNotReady
from waybill.testing import FakeClock
from waybill.valkey_access.client import ValkeyClient, ValkeyUnavailable

pytestmark = pytest.mark.engines


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """With a standby of the node that has the copy."""
    with running_cluster(tmp_path, f"{{{tmp_path}}}") as running:
        yield running


async def test_a_standby_takes_over_with_less_than_was_acknowledged(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Nobody goes on from what is not there; the feed brings it, and no dead history."""
    place = ValkeyPlace(cluster.url, tmp_path)
    place.prefix = str(tmp_path)  # which the standby is for
    copy = Copy(place, FakeClock())
    products = Products(epoch=2)
    products.grant("ada", "1")
    await copy.follow(products.stream)
    await copy.writer.acquire()
    cluster.cut_standby_off()
    products.revoke("ada", "1")
    products.grant("ada", "2")
    await copy.writer.apply(Position(2, 3), products.log[1:])
    assert set(await copy.grants("ada", "1", "2")) == {"2"}

    cluster.fail_over()
    products.grant("ada", "3")
    assert await found_again(copy) == Position(2, 1)
    with pytest.raises(CopyLost):
        await copy.writer.apply(Position(2, 4), [granted(4, "ada", "3")])
    copy.clock.advance(6.0)
    with pytest.raises(ReplicaNotReady, match="lags"):
        await copy.grants("ada", "1")

    dead = Products(epoch=1)
    dead.grant("eve", "1")
    await copy.follow(dead.stream)
    with pytest.raises(ReplicaNotReady, match="lags"):
        await copy.grants("eve", "1")
    follower = await copy.follow(products.stream)
    assert follower.counters.snapshots == 0
    assert set(await copy.grants("ada", "1", "2", "3")) == {"2", "3"}
    await copy.close()


async def test_a_slot_moves_key_by_key(cluster: Cluster, tmp_path: Path) -> None:
    """Meanwhile there is no answer rather than a wrong one; then all goes on where the keys are."""
    copy, products = await kept(cluster, tmp_path)
    with cluster.moving(str(tmp_path)):
        for _ in range(3):
            with pytest.raises(ReplicaNotReady, match="on their way"):
                await copy.grants("ada", "1", "2")
            with pytest.raises(SinkUnavailable):
                await copy.writer.apply(Position(2, 3), [granted(3, "ada", "2")])
    assert await gone_on(copy, products) == {"1", "2"}


async def test_a_slot_moves_at_once(cluster: Cluster, tmp_path: Path) -> None:
    copy, products = await kept(cluster, tmp_path)
    cluster.move(str(tmp_path))
    assert await gone_on(copy, products) == {"1", "2"}


async def kept(cluster: Cluster, folder: Path) -> tuple[Copy, Products]:
    """A copy of one grant, under the key that the cluster was made for."""
    place = ValkeyPlace(cluster.url, folder)
    place.prefix = str(folder)
    copy, products = Copy(place, FakeClock()), Products(epoch=2)
    products.grant("ada", "1")
    await copy.follow(products.stream)
    await copy.writer.acquire()
    assert set(await copy.grants("ada", "1", "2")) == {"1"}
    return copy, products


async def gone_on(copy: Copy, products: Products) -> set[str]:
    """What is granted once something new came to what was there, without a snapshot."""
    assert (await copy.writer.meta()).position == Position(2, 1)
    products.grant("ada", "2")
    follower = await copy.follow(products.stream)
    assert follower.counters.snapshots == 0
    found = set(await copy.grants("ada", "1", "2", "3"))
    await copy.close()
    return found


async def test_nodes_prove_the_names_that_they_tell(tmp_path: Path) -> None:
    """Each name of the URL, and each that a node sends on to; an address that is none is none."""
    trusted = Trusted(tmp_path)
    async with AsyncExitStack() as stack:
        ports = {
            port: await stack.enter_async_context(trusted.in_front_of(port))
            for port in (free_port() for _ in range(PRIMARIES))
        }
        hosts = [f"localhost:{port}" for port in ports.values()]
        with announcing_cluster(tmp_path, ports, "localhost") as cluster:
            assert await refusals(hosts, trusted) == []

            cluster.tell("ip", {("127.0.0.1", port) for port in ports.values()})
            told = await refusals(hosts, trusted)
    assert len(told) == len(hosts) - 1
    assert all("for another name" in each for each in told)


async def refusals(hosts: Sequence[str], trusted: Trusted) -> list[str]:
    """Of a question that is put to each of the nodes first."""
    found = []
    for host in hosts:
        url = f"valkeys+cluster://{host}?ssl_ca_certs={trusted.ca}"
        client = ValkeyClient(url, timeout_s=20.0, again=False)
        try:
            await client.ask(lambda valkey: valkey.get("{a}"))
        except ValkeyUnavailable as refusal:
            found.append(str(refusal))
        await client.close()
    return found


async def found_again(copy: Copy) -> Position:
    """Where the copy is, of the node that has it now: after a failure another one is asked."""
    failures = 0
    while True:
        try:
            position = (await copy.writer.meta()).position
        except SinkUnavailable:
            failures += 1
            continue
        assert failures, "the dead one has answered"
        return position


async def test_one_node_of_the_url_is_enough_and_any_may_be_gone(
    valkey_cluster: Cluster,
) -> None:
    hosts = valkey_cluster.url.partition("//")[2].split(",")
    for host in hosts:
        for named in (host, f"127.0.0.1:1,{host}"):
            client = ValkeyClient(f"valkey+cluster://{named}", timeout_s=20.0, again=True)
            assert await client.ask(lambda valkey: valkey.set("{a}", "1"))
            assert await client.ask(lambda valkey: valkey.get("{a}")) == b"1"
            await client.close()


async def test_a_node_that_hangs_is_not_asked_twice(valkey_cluster: Cluster) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        hangs = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        url = valkey_cluster.url.replace("//", f"//{hangs},")
        client = ValkeyClient(url, timeout_s=1.0, again=True)
        with pytest.raises(ValkeyUnavailable, match="TimeoutError"):
            await client.ask(lambda valkey: valkey.get("{a}"))
        await client.ask(lambda valkey: valkey.get("{a}"))
        await client.close()


async def test_a_cluster_that_is_not_called_one_is_said_to_be(valkey_cluster: Cluster) -> None:
    hosts = valkey_cluster.url.partition("//")[2].split(",")
    told = []
    for host in hosts:
        client = ValkeyClient(f"valkey://{host}", timeout_s=20.0, again=True)
        try:
            await client.ask(lambda valkey: valkey.get("{a}"))
        except ValkeyUnavailable as refusal:
            told.append(str(refusal))
        await client.close()
    assert len(told) == len(hosts) - 1
    assert all("say so in the URL" in each for each in told)
