"""The stream that products publishes to, for followers that remember nothing between processes.

Each has a consumer without a name, which is gone soon after its connection. So there may be as many
of them as there are worker processes, and the server keeps nothing for those that have ended.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.js import api
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from orders_svc.feed.consuming import IN_FLIGHT, delivered, event_of
from orders_svc.feed.joining import Stands, stands
from orders_svc.feed.recent import Logged
from shop.products.v1.products_pb2 import WatchAccessResponse
from waybill.errors import UpstreamUnavailable
from waybill.jetstream import (
    TIMEOUT_S,
    FeedSubjects,
    JetStreamUnavailable,
    connected,
    translated,
)

GONE_AFTER_S = 10.0
"""When the server forgets a follower whose connection is lost."""


class JetStreamChanges:
    """Opens the stream of this name. See `orders_svc.feed.recent.LoggedChanges`."""

    def __init__(self, url: str, stream: str) -> None:
        """`url` is such as `nats://[user:password@]host:port`."""
        self._url = url
        self._subjects = FeedSubjects(stream)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["JetStreamChangeLog"]:
        """The stream over a connection of its own.

        Raises:
            UpstreamUnavailable: it cannot be reached, or the connection is lost.
        """
        try:
            async with connected(self._url, "orders, revocations") as client:
                yield JetStreamChangeLog(client, self._subjects)
        except JetStreamUnavailable as error:
            raise UpstreamUnavailable(str(error)) from error


class JetStreamChangeLog:
    """See `orders_svc.feed.recent.ChangeLog`."""

    def __init__(self, client: Client, subjects: FeedSubjects) -> None:
        self._client = client
        self._subjects = subjects
        self._js = client.jetstream(timeout=TIMEOUT_S)

    async def stands(self, now: float) -> Stands:
        """Where the newest history stands, for one who asks at `now`.

        Raises:
            JetStreamUnavailable: the server does not answer, or the stream does not say.
        """
        beat = await self._newest_of(self._subjects.heartbeats)
        changes = await self._newest_of(self._subjects.changes)
        found = stands(beat, changes, now)
        if found is None:
            raise JetStreamUnavailable("the stream does not say where its history stands")
        return found

    def since(self, logged_at: float) -> AsyncGenerator[Logged, None]:
        """What was published from then on, by the server's clock, and then what is published.

        Raises:
            JetStreamUnavailable: the connection is lost, or somebody publishes what is no event.
        """
        configuration = _configuration(logged_at)

        async def make(js: JetStreamContext, inbox: str) -> None:
            await js.add_consumer(self._subjects.stream, configuration, deliver_subject=inbox)

        return delivered(self._client, make)

    async def _newest_of(self, subject: str) -> WatchAccessResponse | None:
        with translated():
            try:
                found = await self._js.get_last_msg(self._subjects.stream, subject)
            except NotFoundError:
                return None
        return event_of(found.data or b"")


def _configuration(logged_at: float) -> api.ConsumerConfig:
    return api.ConsumerConfig(
        description="Revocations, at a process of the orders service",
        deliver_policy=api.DeliverPolicy.BY_START_TIME,
        opt_start_time=datetime.fromtimestamp(max(logged_at, 0.0), UTC),
        ack_policy=api.AckPolicy.EXPLICIT,
        max_ack_pending=IN_FLIGHT,
        inactive_threshold=GONE_AFTER_S,
        mem_storage=True,
    )
