"""Consumers that are not there, or not soon, as in a cluster that has lost a server."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
from nats.errors import TimeoutError as NoAnswer
from nats.js import api
from nats.js.client import JetStreamContext

from orders_svc.feed import jetstream
from orders_svc.feed.consuming import PATIENCE_S, delivered
from orders_svc.feed.jetstream import JetStreamFeed
from products_svc.feed.jetstream import JetStreamLog
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.feed_kit import ScriptedFeed, changes, revoked
from tests.nats_kit import CONSUMER, new_stream, operating
from waybill.errors import UpstreamUnavailable
from waybill.jetstream import JetStreamUnavailable, connected

pytestmark = pytest.mark.engines

HISTORY = [changes(1, each - 1, revoked(each, "ada", "1")) for each in range(1, 9)]


@pytest.fixture
async def stream(nats_url: str) -> str:
    """One that holds the first messages of the history."""
    name = new_stream()
    await publish(nats_url, name, HISTORY[:4])
    return name


async def publish(url: str, stream: str, messages: list[WatchAccessResponse]) -> None:
    async with JetStreamLog(url, stream, 1000).opened() as log:
        for message in messages:
            await log.append(message)


def feed_of(url: str, stream: str) -> JetStreamFeed:
    return JetStreamFeed(url, stream, CONSUMER, ScriptedFeed(lambda _epoch, _resume: []))


async def taken(feed: JetStreamFeed, revision: int, count: int) -> list[int]:
    """The revisions of the first changes that one at `revision` gets; the last is not applied."""
    async with aclosing(feed.watch(1, revision)) as events:
        return [(await anext(events)).changes.changes[-1].revision for _ in range(count)]


@pytest.mark.parametrize("made", [False, True], ids=["never", "too late"])
async def test_one_that_is_not_there_soon_is_asked_for_anew(
    nats_url: str, stream: str, made: bool
) -> None:
    """And each message comes once, whatever becomes of the first."""
    inboxes: list[str] = []

    async def make(js: JetStreamContext, inbox: str) -> None:
        inboxes.append(inbox)
        if made or len(inboxes) > 1:
            await js.add_consumer(stream, api.ConsumerConfig(), deliver_subject=inbox)
        if len(inboxes) == 1:
            raise NoAnswer

    async with connected(nats_url, "test") as client, aclosing(delivered(client, make)) as messages:
        assert [(await anext(messages)).event for _ in range(4)] == HISTORY[:4]
    assert len(set(inboxes)) == 2


async def test_one_that_is_never_there_is_unavailable(nats_url: str) -> None:
    tries: list[str] = []

    async def make(_js: JetStreamContext, inbox: str) -> None:
        tries.append(inbox)
        raise NoAnswer

    async with connected(nats_url, "test") as client:
        with pytest.raises(JetStreamUnavailable):
            await anext(delivered(client, make))
    assert len(tries) == len(PATIENCE_S)


async def test_one_without_a_leader_is_deleted_and_does_not_say_so(
    nats_url: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = feed_of(nats_url, stream)
    assert await taken(feed, 1, 3) == [1, 2, 3]
    delete = JetStreamContext.delete_consumer

    async def silently(js: JetStreamContext, stream: str, consumer: str) -> bool:
        await delete(js, stream, consumer)
        raise NoAnswer

    monkeypatch.setattr(JetStreamContext, "delete_consumer", silently)
    assert await taken(feed, 2, 2) == [3, 4]


async def forgotten(url: str, stream: str, _patch: pytest.MonkeyPatch) -> None:
    async with operating(url) as js:
        await js.delete_consumer(stream, CONSUMER)


async def unanswered(_url: str, _stream: str, patch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> api.ConsumerInfo:
        raise NoAnswer

    patch.setattr(JetStreamContext, "consumer_info", never)


Loss = Callable[[str, str, pytest.MonkeyPatch], Awaitable[None]]


@pytest.mark.parametrize("lost", [forgotten, unanswered])
async def test_a_place_that_the_server_does_not_tell_is_known_here(
    nats_url: str, stream: str, monkeypatch: pytest.MonkeyPatch, lost: Loss
) -> None:
    """From the last message that was applied on, and not from the stream's first."""
    monkeypatch.setattr(jetstream, "CLOCKS_DIFFER_S", 1e-5)
    feed = feed_of(nats_url, stream)
    assert await taken(feed, 1, 4) == [1, 2, 3, 4]
    await lost(nats_url, stream, monkeypatch)
    await publish(nats_url, stream, HISTORY[4:])
    assert await taken(feed, 3, 6) == [3, 4, 5, 6, 7, 8]


async def test_a_process_that_knows_no_place_waits_until_the_server_tells(
    nats_url: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await taken(feed_of(nats_url, stream), 1, 3) == [1, 2, 3]
    with monkeypatch.context() as patch:
        await unanswered(nats_url, stream, patch)
        with pytest.raises(UpstreamUnavailable):
            await taken(feed_of(nats_url, stream), 2, 1)
    assert await taken(feed_of(nats_url, stream), 2, 2) == [3, 4]
