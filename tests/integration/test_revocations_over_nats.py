"""Revocations followed over JetStream, with the real products service and a real NATS server.

The follower has no way to products: what it knows is what was published.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from loadtest.nats import NatsServer
from products_svc.store.schema import renew_history
from products_svc.store.values import WantedGrant
from tests.nats_kit import (
    Worker,
    begun,
    new_stream,
    operating,
    published,
    until,
    until_published,
)
from tests.products_kit import Lab, Service
from waybill.jetstream import FeedSubjects
from waybill.testing import FakeClock

pytestmark = pytest.mark.engines

OK, SUPERSEDED, NOT_KNOWN = "ok", "STATE_SUPERSEDED", "REVOCATIONS_UNKNOWN"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path, clock=FakeClock(time.time()))  # NATS has the real one
    lab.fill(["1", "2", "3"], [WantedGrant("ada", "1", 0, None), WantedGrant("bob", "2", 0, None)])
    lab.clock.advance(1.0)  # times of issue are whole seconds, and the epoch began within one
    return lab


@pytest.fixture
def stream() -> str:
    return new_stream()


@pytest.fixture
def worker(lab: Lab, nats_url: str, stream: str) -> Worker:
    return Worker(nats_url, stream, lab.clock)


@asynccontextmanager
async def publishing(lab: Lab, url: str, stream: str, **settings: object) -> AsyncIterator[Service]:
    """Products, once its history as it is has been begun in the stream."""
    async with lab.service(feed_url=url, feed_stream=stream, **settings) as products:
        await begun(url, stream)
        yield products


async def lost(products: Service, url: str, stream: str, subject: str, product_id: str) -> int:
    """The revision at which a subject lost something; it is published."""
    revision = await products.revoke(subject, product_id)
    await until_published(url, stream, revision)
    return revision


async def gone(url: str, stream: str) -> None:
    """The newest changes, out of the stream."""
    async with operating(url) as js:
        newest = await js.get_last_msg(stream, FeedSubjects(stream).changes)
        assert newest.seq is not None
        await js.delete_msg(stream, newest.seq)


async def until_newest(url: str, stream: str, revision: int) -> None:
    """Until the stream's last changes end with `revision`; others may be missing."""

    async def newest() -> bool:
        return (await published(url, stream))[-1].changes.changes[-1].revision == revision

    await until(newest)


async def test_a_loss_arrives(worker: Worker, lab: Lab, nats_url: str, stream: str) -> None:
    async with publishing(lab, nats_url, stream) as products, worker.following():
        old, others = worker.issued("ada", 2), worker.issued("bob", 2)
        await worker.until(old, OK)
        revision = await products.revoke("ada", "1")
        assert await worker.until(old, SUPERSEDED) <= {OK, SUPERSEDED}
        assert worker.outcome(others) == OK
        assert worker.outcome(worker.issued("ada", revision)) == OK


async def test_who_begins_is_told_of_what_was_lost_before(
    lab: Lab, nats_url: str, stream: str
) -> None:
    """Two processes, one after the other; each has a consumer, and no name."""
    async with publishing(lab, nats_url, stream) as products:
        await products.grant("bob", "3")
        await lost(products, nats_url, stream, "ada", "1")
        for _ in range(2):
            worker = Worker(nats_url, stream, lab.clock)
            async with worker.following():
                old, others = worker.issued("ada", 2), worker.issued("bob", 3)
                assert await worker.until(others, OK) <= {NOT_KNOWN, OK}
                assert worker.outcome(old) == SUPERSEDED
        assert worker.known.size == 1


async def test_without_products_what_was_published_is_known(
    worker: Worker, lab: Lab, nats_url: str, stream: str
) -> None:
    """A process that starts then knows what was lost, and refuses the rest once that is old."""
    async with publishing(lab, nats_url, stream) as products:
        await products.grant("bob", "3")
        await lost(products, nats_url, stream, "ada", "1")
    async with worker.following():
        old, others = worker.issued("ada", 2), worker.issued("bob", 3)
        assert await worker.until(others, OK) <= {NOT_KNOWN, OK}
        lab.clock.advance(6.0)
        assert (worker.outcome(old), worker.outcome(others)) == (SUPERSEDED, NOT_KNOWN)
    anew = Worker(nats_url, stream, lab.clock)
    async with anew.following():
        assert await anew.until(old, SUPERSEDED) <= {NOT_KNOWN, SUPERSEDED}
        assert anew.outcome(others) == NOT_KNOWN


async def test_what_the_stream_keeps_no_longer_counts_for_everybody(
    worker: Worker, lab: Lab, nats_url: str, stream: str
) -> None:
    async with publishing(lab, nats_url, stream, history_changes=3) as products:
        await lost(products, nats_url, stream, "ada", "1")
        for _ in range(3):
            revision = await products.grant("bob", "1", "3")
            await until_published(nats_url, stream, revision)
            revision = await lost(products, nats_url, stream, "bob", "1")
        async with worker.following():
            await worker.until(worker.issued("eve", revision), OK)
            assert worker.outcome(worker.issued("ada", 2)) == SUPERSEDED
            assert worker.outcome(worker.issued("eve", 2)) == SUPERSEDED


async def test_a_message_that_is_gone_may_have_been_a_loss(
    worker: Worker, lab: Lab, nats_url: str, stream: str
) -> None:
    async with publishing(lab, nats_url, stream) as products:
        before = await products.grant("eve", "1")
        await until_published(nats_url, stream, before)
        await lost(products, nats_url, stream, "ada", "1")
        await gone(nats_url, stream)
        revision = await products.grant("bob", "3")
        await until_newest(nats_url, stream, revision)
        async with worker.following():
            await worker.until(worker.issued("eve", revision), OK)
            assert worker.outcome(worker.issued("ada", before)) == SUPERSEDED


async def test_a_message_that_is_gone_shows_at_the_next_one(
    worker: Worker, lab: Lab, nats_url: str, stream: str
) -> None:
    """Until then there is nothing that tells of it; what was lost ends with the next change."""
    async with publishing(lab, nats_url, stream) as products:
        async with worker.following():
            old = worker.issued("ada", 2)
            await worker.until(old, OK)
        await lost(products, nats_url, stream, "ada", "1")
        await gone(nats_url, stream)
        async with worker.following():
            revision = await products.grant("bob", "3")
            await worker.until(old, SUPERSEDED)
            await worker.until(worker.issued("ada", revision), OK)
            assert worker.outcome(old) == SUPERSEDED


async def test_a_deleted_stream(worker: Worker, lab: Lab, nats_url: str, stream: str) -> None:
    async with publishing(lab, nats_url, stream) as products, worker.following():
        old = worker.issued("ada", 2)
        await worker.until(old, OK)
        async with operating(nats_url) as js:
            await js.delete_stream(stream)
        revision = await products.revoke("ada", "1")
        await worker.until(old, SUPERSEDED)
        await worker.until(worker.issued("ada", revision), OK)
        assert worker.outcome(old) == SUPERSEDED


@pytest.mark.parametrize("remembers", [True, False], ids=["restart", "empty come-back"])
async def test_a_restart_of_nats(lab: Lab, tmp_path: Path, remembers: bool) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    with NatsServer(folder) as nats:
        worker = Worker(nats.url, "access", lab.clock)
        async with (
            publishing(lab, nats.url, "access") as products,
            worker.following(),
        ):
            old = worker.issued("ada", 2)
            await worker.until(old, OK)
            nats.stop()
            if not remembers:
                nats.forget()
            revision = await products.revoke("ada", "1")
            with NatsServer(folder, port=nats.port):
                await worker.until(old, SUPERSEDED)
                await worker.until(worker.issued("ada", revision), OK)
                assert worker.outcome(old) == SUPERSEDED


async def test_a_history_that_starts_anew(
    worker: Worker, lab: Lab, nats_url: str, stream: str
) -> None:
    """The older one is in the stream still; state of it does not count, whatever its revision."""
    async with publishing(lab, nats_url, stream) as products:
        revision = await lost(products, nats_url, stream, "bob", "2")
        async with worker.following():
            old = worker.issued("ada", revision)
            await worker.until(old, OK)
    lab.clock.advance(2.0)
    database = lab.database()
    renew_history(database, lab.clock)
    database.close()
    lab.clock.advance(2.0)
    anew = Worker(nats_url, stream, lab.clock)
    async with publishing(lab, nats_url, stream):
        for each in (worker, anew):
            async with each.following():
                await each.until(old, SUPERSEDED)
                await each.until(each.issued("ada", revision), OK)
                assert each.outcome(old) == SUPERSEDED


async def test_many_workers_leave_no_consumers_behind(lab: Lab, nats_url: str, stream: str) -> None:
    """Their consumers have no names, and end by themselves."""
    async with publishing(lab, nats_url, stream):
        workers = [Worker(nats_url, stream, lab.clock) for _ in range(3)]
        for worker in workers:
            async with worker.following():
                await worker.until(worker.issued("ada", 2), OK)
        async with operating(nats_url) as js:
            found = await js.consumers_info(stream)
            assert {each.config.durable_name for each in found} <= {None}
            assert all(each.config.inactive_threshold for each in found)
