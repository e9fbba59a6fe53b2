"""What is committed is published: in order, once, and whatever dies in between."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import pytest

from loadtest.nats import NatsServer
from products_svc.feed.feed import Feed
from products_svc.feed.jetstream import JetStreamLog, JetStreamWriter
from products_svc.feed.poller import Pace
from products_svc.feed.publisher import Publisher
from products_svc.store.store import Store
from products_svc.store.values import WantedGrant
from shop.products.v1 import products_pb2 as pb
from tests.feed_kit import changes, revoked
from tests.nats_kit import (
    begun,
    new_stream,
    operating,
    published,
    revisions,
    until,
    until_published,
)
from tests.products_kit import Lab
from waybill.jetstream import JetStreamUnavailable
from waybill.serving.logs import make_logger

pytestmark = pytest.mark.engines


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.fill(["1", "2", "3"], [WantedGrant("ada", "1", 0, None)])
    return lab


@pytest.fixture
def stream() -> str:
    return new_stream()


async def test_commits_are_published_in_order(lab: Lab, nats_url: str, stream: str) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        await begun(nats_url, stream)
        await products.grant("ada", "2", "3")
        revision = await products.revoke("ada", "1")
        assert await until_published(nats_url, stream, revision) == [2, 3, 4]
        last = (await published(nats_url, stream))[-1].changes.changes[-1]
        assert (last.subject, last.revoked_product_id) == ("ada", "1")


async def test_what_was_committed_while_nobody_published_comes_later(
    lab: Lab, nats_url: str, stream: str
) -> None:
    """As after a crash between a commit and its publication."""
    async with lab.service(feed_url=nats_url, feed_stream=stream):
        await begun(nats_url, stream)
    revision = lab.fill([], [WantedGrant("bob", "2", 0, None), WantedGrant("bob", "3", 0, None)])
    async with lab.service(feed_url=nats_url, feed_stream=stream):
        assert await until_published(nats_url, stream, revision) == [2, 3]


async def test_heartbeats_leave_one_behind(lab: Lab, nats_url: str, stream: str) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream), operating(nats_url) as js:

        async def several() -> bool:
            with suppress(Exception):
                return (await js.stream_info(stream)).state.last_seq > 3
            return False

        await until(several)
        assert (await js.stream_info(stream)).state.messages == 1
        last = await js.get_last_msg(stream, f"{stream}.heartbeats")
    beat = pb.WatchAccessResponse.FromString(last.data or b"").heartbeat
    assert (beat.revision, beat.send_time.seconds) == (1, int(lab.clock()))


async def test_a_second_instance_takes_over(lab: Lab, nats_url: str, stream: str) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream) as second:
        async with lab.service(feed_url=nats_url, feed_stream=stream) as first:
            await begun(nats_url, stream)
            for _ in range(10):
                await first.grant("bob", "1", "2")
                await second.revoke("bob", "1", "2")
            await until_published(nats_url, stream, 41)
        revision = await second.grant("eve", "1")
        assert await until_published(nats_url, stream, revision) == list(range(2, revision + 1))


class Everybody:
    """Leases that keep nobody out, as clocks that differ would."""

    async def take_lease(self, _name: str, _owner: str, _lasts_s: float) -> bool:
        return True

    async def end_lease(self, _name: str, _owner: str) -> None:
        """Nobody asks."""


class LosesAcknowledgements:
    """A log whose every third message is published, and the publisher told that it was not."""

    def __init__(self, log: JetStreamLog) -> None:
        self._log = log
        self.lost = 0

    def opened(self) -> AbstractAsyncContextManager[JetStreamWriter]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[JetStreamWriter]:
        async with self._log.opened() as writer:
            append = writer.append
            count = 0

            async def lossy(message: pb.WatchAccessResponse) -> None:
                nonlocal count
                await append(message)
                count += 1
                if count == 3:
                    self.lost += 1
                    raise JetStreamUnavailable("the acknowledgement is lost")

            writer.append = lossy  # type: ignore[method-assign]
            yield writer


@asynccontextmanager
async def publishing(store: Store, log: object, count: int = 1) -> AsyncIterator[None]:
    """Publishers that no lease keeps apart."""
    feeds = [Feed(store, Pace(poll_s=0.001, heartbeat_s=0.01, batch=3)) for _ in range(count)]
    tasks = [
        asyncio.create_task(
            Publisher(
                feed,
                log,  # type: ignore[arg-type]
                Everybody(),
                owner=str(feed),
                logger=make_logger("critical"),
                timer=time.monotonic,
                sleep=lambda _seconds: asyncio.sleep(0.001),
            ).run()
        )
        for feed in feeds
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for feed in feeds:
            await feed.close()


@pytest.fixture
async def store(lab: Lab) -> AsyncIterator[Store]:
    store = Store(lab.database(), lab.clock, 1000)
    yield store
    await asyncio.to_thread(store.close)


async def test_publishers_without_a_lease_keep_one_order(
    store: Store, nats_url: str, stream: str
) -> None:
    async with publishing(store, JetStreamLog(nats_url, stream, 1000), count=3):
        await begun(nats_url, stream)
        for _ in range(15):
            await store.grant([WantedGrant("bob", each, 0, None) for each in "123"])
            revision = await store.revoke("bob", "123")
        assert await until_published(nats_url, stream, revision) == list(range(2, revision + 1))


async def test_a_lost_acknowledgement_publishes_nothing_twice(
    store: Store, nats_url: str, stream: str
) -> None:
    log = LosesAcknowledgements(JetStreamLog(nats_url, stream, 1000))
    async with publishing(store, log):
        await begun(nats_url, stream)
        for _ in range(10):
            await store.grant([WantedGrant("bob", each, 0, None) for each in "123"])
            revision = await store.revoke("bob", "123")
        assert await until_published(nats_url, stream, revision) == list(range(2, revision + 1))
    assert log.lost > 1


async def test_a_message_that_was_taken_out_does_not_hold_up_the_next(
    nats_url: str, stream: str
) -> None:
    """The server still knows its id, and does not take it a second time."""
    log = JetStreamLog(nats_url, stream, 1000)
    first, second = (changes(1, each - 1, revoked(each, "ada", "1")) for each in (1, 2))
    async with log.opened() as writer:
        await writer.append(first)
    async with operating(nats_url) as js:
        await js.delete_msg(stream, 1)
    async with log.opened() as writer:
        await writer.append(first)
        await writer.append(second)
    assert await revisions(nats_url, stream) == [2]


async def test_a_restart_of_nats(lab: Lab, stream: str, tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    with NatsServer(folder) as nats:
        async with lab.service(feed_url=nats.url, feed_stream=stream) as products:
            await begun(nats.url, stream)
            await until_published(nats.url, stream, await products.grant("ada", "2"))
            nats.stop()
            revision = await products.grant("ada", "3")
            with NatsServer(folder, port=nats.port) as again:
                assert await until_published(again.url, stream, revision) == [2, 3]


async def test_a_deleted_stream_begins_anew(lab: Lab, nats_url: str, stream: str) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        await begun(nats_url, stream)
        await until_published(nats_url, stream, await products.grant("ada", "2"))
        async with operating(nats_url) as js:
            await js.delete_stream(stream)
        await begun(nats_url, stream)
        revision = await products.grant("ada", "3")
        assert await until_published(nats_url, stream, revision) == [revision]


async def test_an_older_database_publishes_nothing(lab: Lab, nats_url: str, stream: str) -> None:
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        await begun(nats_url, stream)
        backup = {file: file.read_bytes() for file in lab.folder.glob("products.db*")}
        await until_published(nats_url, stream, await products.grant("ada", "2", "3"))
    for file in lab.folder.glob("products.db*"):
        file.unlink()
    for file, content in backup.items():
        file.write_bytes(content)
    async with operating(nats_url) as js:
        before = (await js.stream_info(stream)).state.last_seq
    async with lab.service(feed_url=nats_url, feed_stream=stream) as products:
        await products.grant("eve", "1")
        await asyncio.sleep(0.2)  # time enough to do it
    async with operating(nats_url) as js:
        assert (await js.stream_info(stream)).state.last_seq == before
    assert await revisions(nats_url, stream) == [2, 3]
