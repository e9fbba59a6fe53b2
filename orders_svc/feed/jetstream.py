"""The feed over JetStream: changes and heartbeats from a durable consumer, snapshots from products.

What is asked and what comes is as with the products service's own stream, so that the follower is
the same. The server remembers, for each copy by name, what that has applied; an event counts as
applied when the follower asks for the next one. The copy's own position is what is believed: a
stream that does not go on from there says so at its beginning, and the follower takes a snapshot.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any

from nats.aio.client import Client
from nats.js import api
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from orders_svc.feed.consuming import IN_FLIGHT, PATIENCE_S, delivered
from orders_svc.feed.follower import Feed
from orders_svc.feed.joining import Events, going_on_from
from orders_svc.feed.recent import Logged
from orders_svc.feed.steps import Position
from waybill.errors import UpstreamUnavailable
from waybill.jetstream import TIMEOUT_S, JetStreamUnavailable, connected, translated

FORGOTTEN_AFTER_S = 7 * 24 * 3600.0
"""When the server forgets a copy that does not come back."""
CLOCKS_DIFFER_S = 1.0
"""How much earlier than the last applied message to begin where that is found by its time: servers
that lead one after another have their own clocks. If these differ more, a snapshot is taken."""

Place = dict[str, Any]
"""Where in the stream a consumer begins, as parts of its configuration."""


class JetStreamFeed:
    """See `orders_svc.feed.follower.Feed`. Each stream has a connection of its own."""

    def __init__(self, url: str, stream: str, consumer: str, snapshots: Feed) -> None:
        """Opens nothing yet.

        Args:
            url: such as `nats://[user:password@]host:port`.
            stream: the stream's name.
            consumer: the copy's name; two copies of one name would take each other's events.
            snapshots: where snapshots come from.
        """
        self._url = url
        self._stream = stream
        self._consumer = consumer
        self._snapshots = snapshots
        self._applied_at = 0.0

    async def watch(self, epoch: int, resume_revision: int) -> Events:
        try:
            async with connected(self._url, f"orders, {self._consumer}") as client:
                events = self._events(client, Position(epoch, resume_revision))
                async with aclosing(events):
                    async for event in events:
                        yield event
        except JetStreamUnavailable as error:
            raise UpstreamUnavailable(str(error)) from error

    async def _events(self, client: Client, position: Position) -> Events:
        consumer = _Consumer(client, self._stream, self._consumer)
        if position.revision:
            place = await consumer.place(self._applied_at)
            following = going_on_from(position, self._noted(consumer.since(place)))
        else:
            # What is published by now is committed by now, and so in any snapshot from now on.
            place = await consumer.end()
            async with aclosing(_snapshot(self._snapshots)) as snapshot:
                async for event in snapshot:
                    yield event
            following = self._noted(consumer.since(place))
        async with aclosing(following):
            async for event in following:
                yield event

    async def _noted(self, messages: AsyncGenerator[Logged, None]) -> Events:
        async with aclosing(messages):
            async for event, logged_at in messages:
                yield event
                self._applied_at = logged_at


class _Consumer:
    """One copy's place in the stream, over one connection."""

    def __init__(self, client: Client, stream: str, name: str) -> None:
        self._client = client
        self._stream = stream
        self._name = name
        self._js = client.jetstream(timeout=TIMEOUT_S)

    async def place(self, applied_at: float) -> Place:
        """Behind what was applied, as the server knows it.

        Where it knows of none, or does not answer, since it has lost the consumer's leader, behind
        what this process has applied: the last of that was published at `applied_at`, in Unix
        seconds by the server's clock. That is 0 where it has applied nothing yet; then all that the
        stream holds may be new.
        """
        with translated():
            try:
                patience_s = PATIENCE_S[0] if applied_at else TIMEOUT_S
                info = await self._js.consumer_info(self._stream, self._name, patience_s)
                done = info.ack_floor.stream_seq if info.ack_floor else 0
            except NotFoundError:
                done = 0
            except TimeoutError:
                if not applied_at:
                    raise
                done = 0
        return _from(done + 1) if done else _since(applied_at)

    async def end(self) -> Place:
        """What will be published next."""
        with translated():
            info = await self._js.stream_info(self._stream)
        return _from(info.state.last_seq + 1)

    def since(self, place: Place) -> AsyncGenerator[Logged, None]:
        """What the stream holds from there on, and then what is published.

        The consumer is made anew: what was sent to the one before and not applied comes again.

        Raises:
            JetStreamUnavailable: the connection is lost, or somebody publishes what is no event.
        """

        async def make(js: JetStreamContext, inbox: str) -> None:
            # One that has no leader is deleted without an answer: it is not found by the next try.
            with suppress(NotFoundError):
                await js.delete_consumer(self._stream, self._name)
            await js.add_consumer(self._stream, configuration, deliver_subject=inbox)

        configuration = _configuration(self._name).evolve(**place)
        return delivered(self._client, make)


def _from(number: int) -> Place:
    """From the message of this number on; the first has 1."""
    return {"deliver_policy": api.DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": number}


def _since(applied_at: float) -> Place:
    start = datetime.fromtimestamp(max(0.0, applied_at - CLOCKS_DIFFER_S), UTC)
    return {"deliver_policy": api.DeliverPolicy.BY_START_TIME, "opt_start_time": start}


def _configuration(name: str) -> api.ConsumerConfig:
    return api.ConsumerConfig(
        durable_name=name,
        description="A copy of the entitlements, at the orders service",
        # Each by itself: with ALL, one that comes late from a connection before would count as one
        # of this consumer, which has its name, and be taken for many.
        ack_policy=api.AckPolicy.EXPLICIT,
        max_ack_pending=IN_FLIGHT,
        inactive_threshold=FORGOTTEN_AFTER_S,
    )


async def _snapshot(source: Feed) -> Events:
    """A whole snapshot, and nothing after it."""
    async with aclosing(source.watch(0, 0)) as events:
        async for event in events:
            yield event
            if event.HasField("snapshot_end"):
                return
    raise UpstreamUnavailable("the snapshot has ended early")
