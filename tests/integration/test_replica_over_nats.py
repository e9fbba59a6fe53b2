"""The follower over JetStream against the real products service and a real NATS server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from loadtest.nats import NatsServer
from orders_svc.feed import jetstream
from orders_svc.feed.jetstream import JetStreamFeed
from products_svc.feed.jetstream import JetStreamLog
from products_svc.store.schema import renew_history
from products_svc.store.values import WantedGrant
from tests.feed_kit import ScriptedFeed, changes, revoked
from tests.nats_kit import CONSUMER, Copy, begun, new_stream, operating, until, until_published
from tests.products_kit import Lab, Service
from waybill.jetstream import connected

pytestmark = pytest.mark.engines


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.fill(["1", "2", "3"], [WantedGrant("ada", "1", 0, None), WantedGrant("bob", "2", 0, None)])
    return lab


@pytest.fixture
def stream() -> str:
    return new_stream()


@pytest.fixture
async def copy(lab: Lab, tmp_path: Path, nats_url: str, stream: str) -> AsyncIterator[Copy]:
    copy = Copy(lab, tmp_path, nats_url, stream)
    yield copy
    await copy.close()


@pytest.fixture
async def products(lab: Lab, nats_url: str, stream: str) -> AsyncIterator[Service]:
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        yield products


async def test_grants_and_revokes_arrive(copy: Copy, products: Service) -> None:
    async with copy.following(products.port) as follower:
        assert await copy.granted("ada", "1", "2", revision=2) == {"1"}
        revision = await products.grant("ada", "2", "3", max_quantity=4)
        assert await copy.granted("ada", "1", "2", "3", revision=revision) == {"1", "2", "3"}
        revision = await products.revoke("ada", "1")
        assert await copy.granted("ada", "1", "2", "3", revision=revision) == {"2", "3"}
        assert follower.counters.snapshots == 1
        assert follower.counters.gaps == 0


async def test_goes_on_after_a_restart_without_a_snapshot(copy: Copy, products: Service) -> None:
    for product_id in ("2", "3"):
        async with copy.following(products.port):
            revision = await products.grant("ada", product_id)
            await copy.granted("ada", revision=revision)
        await products.revoke("ada", "1")  # while nobody follows
        revision = await products.grant("ada", "1", max_quantity=int(product_id))
    async with copy.following(products.port) as follower:
        assert await copy.granted("ada", "1", "2", "3", revision=revision) == {"1", "2", "3"}
        assert copy.reader.grants("ada", ["1"])["1"].max_quantity == 3
        assert follower.counters.snapshots == 0


async def test_without_products_the_copy_goes_on_from_the_stream(
    copy: Copy, lab: Lab, nats_url: str, stream: str
) -> None:
    """The stream has what products has published, also when that is gone."""
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        port = products.port
        async with copy.following(port):
            await copy.granted("ada", revision=2)
        revision = await products.grant("ada", "2")
        await until_published(nats_url, stream, revision)
    async with copy.following(port):
        await until(lambda: _at(copy, revision))
        assert set(copy.reader.grants("ada", ["1", "2"])) == {"1", "2"}


async def _at(copy: Copy, revision: int) -> bool:
    return copy.reader.revision == revision


async def test_a_heartbeat_that_was_kept_does_not_make_an_old_copy_young(
    copy: Copy, lab: Lab, nats_url: str, stream: str
) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        port = products.port
        async with copy.following(port):
            await copy.granted("ada", revision=2)
    lab.clock.advance(6.0)
    async with copy.following(port) as follower:
        await asyncio.sleep(0.2)  # time enough to believe it
        assert "lags" in str(copy.reader.status().problem)
        assert follower.counters.snapshots == 0


async def test_without_products_there_is_no_first_copy(
    copy: Copy, lab: Lab, nats_url: str, stream: str
) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        port = products.port
        await begun(nats_url, stream)
    async with copy.following(port) as follower:

        async def tried() -> bool:
            return follower.counters.reconnects > 1

        await until(tried)
        assert "cold" in str(copy.reader.status().problem)


async def test_a_message_that_is_gone_means_a_snapshot(
    copy: Copy, products: Service, nats_url: str, stream: str
) -> None:
    async with copy.following(products.port):
        await copy.granted("ada", revision=2)
    revision = await products.grant("ada", "2")
    await until_published(nats_url, stream, revision)
    async with operating(nats_url) as js:
        lost = await js.get_last_msg(stream, f"{stream}.changes")
        assert lost.seq is not None
        await js.delete_msg(stream, lost.seq)
    revision = await products.grant("ada", "3")
    async with copy.following(products.port) as follower:
        assert await copy.granted("ada", "1", "2", "3", revision=revision) == {"1", "2", "3"}
        assert follower.counters.snapshots == 1


async def test_below_what_the_stream_keeps_comes_a_snapshot(
    copy: Copy, lab: Lab, nats_url: str, stream: str
) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream, history_changes=3) as products:
        async with copy.following(products.port):
            await copy.granted("ada", revision=2)
        for _ in range(4):
            await until_published(nats_url, stream, await products.revoke("ada", "1"))
            revision = await products.grant("ada", "1", "3")
            await until_published(nats_url, stream, revision)
        async with copy.following(products.port) as follower:
            assert await copy.granted("ada", "1", "3", revision=revision) == {"1", "3"}
            assert follower.counters.compacted == 1


async def test_a_forgotten_place_is_found_again(
    copy: Copy, products: Service, nats_url: str, stream: str
) -> None:
    async with copy.following(products.port):
        # The first may come with the snapshot, the second only by the stream, and so from a place.
        await copy.granted("ada", revision=await products.grant("ada", "2"))
        await copy.granted("ada", revision=await products.revoke("ada", "1"))
    async with operating(nats_url) as js:
        await js.delete_consumer(stream, CONSUMER)
    revision = await products.grant("ada", "3")
    async with copy.following(products.port) as follower:
        assert await copy.granted("ada", "1", "2", "3", revision=revision) == {"2", "3"}
        assert follower.counters.snapshots == 0


async def test_an_acknowledgement_of_an_earlier_connection_holds_nothing_up(
    nats_url: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes late, to a consumer of the same name that counts anew."""
    monkeypatch.setattr(jetstream, "IN_FLIGHT", 4)
    history = [changes(1, each - 1, revoked(each, "ada", "1")) for each in range(1, 13)]
    async with JetStreamLog(nats_url, stream, 1000).opened() as writer:
        for message in history:
            await writer.append(message)
    nobody = ScriptedFeed(lambda _epoch, _resume: [])
    async with aclosing(JetStreamFeed(nats_url, stream, CONSUMER, nobody).watch(1, 1)) as events:
        assert await anext(events) == history[0]
        async with connected(nats_url, "late") as client:
            await client.publish(f"$JS.ACK.{stream}.{CONSUMER}.1.1.100000.1.0", b"+ACK")
            await client.flush()
        async with asyncio.timeout(20):
            assert [await anext(events) for _ in history[1:]] == history[1:]


async def test_a_copy_that_was_lost_is_made_anew(
    copy: Copy, products: Service, lab: Lab, tmp_path: Path, nats_url: str, stream: str
) -> None:
    """The server remembers a place that the new copy has never been at."""
    async with copy.following(products.port):
        revision = await products.grant("ada", "2")
        await copy.granted("ada", revision=revision)
    (tmp_path / "elsewhere").mkdir()
    anew = Copy(lab, tmp_path / "elsewhere", nats_url, stream)
    async with anew.following(products.port):
        assert await anew.granted("ada", "1", "2", revision=revision) == {"1", "2"}
    await anew.close()


async def test_a_deleted_stream(copy: Copy, products: Service, nats_url: str, stream: str) -> None:
    async with copy.following(products.port):
        await copy.granted("ada", revision=2)
        async with operating(nats_url) as js:
            await js.delete_stream(stream)
        revision = await products.revoke("ada", "1")
        assert await copy.granted("ada", "1", revision=revision) == set()


@pytest.mark.parametrize("remembers", [True, False], ids=["restart", "empty come-back"])
async def test_a_restart_of_nats(lab: Lab, tmp_path: Path, remembers: bool) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    with NatsServer(folder) as nats:
        copy = Copy(lab, tmp_path, nats.url, "access")
        async with (
            lab.service(feed_url=nats.url, feed_stream="access") as products,
            copy.following(products.port) as follower,
        ):
            await copy.granted("ada", revision=2)
            nats.stop()
            if not remembers:
                nats.forget()
            revision = await products.revoke("ada", "1")
            with NatsServer(folder, port=nats.port):
                assert await copy.granted("ada", "1", revision=revision) == set()
                assert follower.counters.snapshots == (1 if remembers else 2)
                revision = await products.grant("ada", "3")
                assert await copy.granted("ada", "1", "3", revision=revision) == {"3"}
        await copy.close()


async def test_a_history_that_starts_anew(copy: Copy, lab: Lab, nats_url: str, stream: str) -> None:
    async with (
        lab.service(feed_url=nats_url, feed_stream=stream) as products,
        copy.following(products.port),
    ):
        await copy.granted("ada", revision=2)
    before = copy.reader.status().epoch
    lab.clock.advance(1.0)
    database = lab.database()
    renew_history(database, lab.clock)
    database.close()
    async with (
        lab.service(feed_url=nats_url, feed_stream=stream) as products,
        copy.following(products.port) as follower,
    ):
        await until(lambda: _of_later_epoch(copy, before))
        assert follower.counters.snapshots == 1
        revision = await products.revoke("ada", "1")
        assert await copy.granted("ada", "1", revision=revision) == set()


async def _of_later_epoch(copy: Copy, epoch: int) -> bool:
    return copy.reader.status().epoch > epoch
