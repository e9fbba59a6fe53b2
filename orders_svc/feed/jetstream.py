"""The feed over JetStream: changes and heartbeats from a durable consumer, snapshots from products.

What is asked and what comes is as with the products service's own stream, so that the follower is
the same. The server remembers, for each copy by name, what that has applied; an event counts as
applied when the follower asks for the next one. The copy's own position is what is believed: a
stream that does not go on from there says so at its beginning, and the follower takes a snapshot.
"""

from contextlib import aclosing, suppress

from nats.aio.client import Client
from nats.js import api
from nats.js.errors import NotFoundError

from orders_svc.feed.consuming import IN_FLIGHT, delivered, event_of
from orders_svc.feed.follower import Feed
from orders_svc.feed.joining import Events, going_on_from
from orders_svc.feed.steps import Position
from waybill.errors import UpstreamUnavailable
from waybill.jetstream import TIMEOUT_S, JetStreamUnavailable, connected, translated

FIRST = 1
"""The number of a stream's first message."""
FORGOTTEN_AFTER_S = 7 * 24 * 3600.0
"""When the server forgets a copy that does not come back."""


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
            start = await consumer.place()
            following = going_on_from(position, consumer.events(start))
        else:
            # What is published by now is committed by now, and so in any snapshot from now on.
            start = await consumer.end()
            async with aclosing(_snapshot(self._snapshots)) as snapshot:
                async for event in snapshot:
                    yield event
            following = consumer.events(start)
        async with aclosing(following):
            async for event in following:
                yield event


class _Consumer:
    """One copy's place in the stream, over one connection."""

    def __init__(self, client: Client, stream: str, name: str) -> None:
        self._client = client
        self._stream = stream
        self._name = name
        self._js = client.jetstream(timeout=TIMEOUT_S)

    async def place(self) -> int:
        """The message after the last that was applied; the first where the server knows of none."""
        with translated():
            try:
                info = await self._js.consumer_info(self._stream, self._name)
            except NotFoundError:
                return FIRST
        return FIRST + (info.ack_floor.stream_seq if info.ack_floor else 0)

    async def end(self) -> int:
        """The message that will be published next."""
        with translated():
            info = await self._js.stream_info(self._stream)
        return info.state.last_seq + 1

    async def events(self, start: int) -> Events:
        """What the stream holds from message `start` on, and then what is published.

        Raises:
            JetStreamUnavailable: the connection is lost, or somebody publishes what is no event.
        """
        messages = delivered(self._client, lambda inbox: self._begin_at(start, inbox))
        async with aclosing(messages):
            async for message in messages:
                yield event_of(message.data)

    async def _begin_at(self, start: int, inbox: str) -> None:
        """Make the consumer anew: what was sent to the one before and not applied comes again."""
        with suppress(NotFoundError):
            await self._js.delete_consumer(self._stream, self._name)
        await self._js.add_consumer(self._stream, self._configuration(start, inbox))

    def _configuration(self, start: int, inbox: str) -> api.ConsumerConfig:
        from_first = start <= FIRST
        by_number = api.DeliverPolicy.BY_START_SEQUENCE
        return api.ConsumerConfig(
            durable_name=self._name,
            description="A copy of the entitlements, at the orders service",
            deliver_policy=api.DeliverPolicy.ALL if from_first else by_number,
            opt_start_seq=None if from_first else start,
            # Each by itself: with ALL, one that comes late from a connection before would count as
            # one of this consumer, which has its name, and be taken for many.
            ack_policy=api.AckPolicy.EXPLICIT,
            deliver_subject=inbox,
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
