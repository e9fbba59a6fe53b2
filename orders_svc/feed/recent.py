"""The feed for those who keep no copy: changes of the last while, and then what is new."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import NamedTuple, Protocol

from orders_svc.feed.joining import Events, Stands, begun, going_on_from
from orders_svc.feed.steps import Position
from orders_svc.products_client import ProductsClient
from shop.products.v1.products_pb2 import WatchAccessResponse
from waybill.errors import UpstreamUnavailable

TICK_S = 1e-6
"""What times of a log differ by at least. A message that does not shows as missing, no more."""


class Logged(NamedTuple):
    """An event, and when the log was given it, by the log's own clock in Unix seconds."""

    event: WatchAccessResponse
    logged_at: float


class ChangeLog(Protocol):
    """A log of changes and heartbeats over one connection, such as a stream of JetStream.

    What is awaited may raise UpstreamUnavailable.
    """

    async def stands(self, now: float) -> Stands:
        """Where it stands, for one who asks at `now`, in Unix seconds."""
        ...

    def since(self, logged_at: float) -> AsyncGenerator[Logged, None]:
        """What it was given from then on, and then what it is given."""
        ...


class RecentChanges:
    """Asked of products. See `orders_svc.feed.follower.Feed`."""

    def __init__(self, client: ProductsClient, within_s: float) -> None:
        """Begin with the changes of the last `within_s` seconds where a stream cannot resume."""
        self._client = client
        self._within_s = within_s

    def watch(self, epoch: int, resume_revision: int) -> AsyncGenerator[WatchAccessResponse, None]:
        return self._client.watch(epoch, resume_revision, self._within_s)


class LoggedChanges:
    """The same from a log that products writes. See `orders_svc.feed.follower.Feed`.

    A log is asked for times, not for revisions: where it is taken up decides what is sent twice or
    refused without need, and never what is believed. Revisions say what is missing.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractAsyncContextManager[ChangeLog]],
        within_s: float,
        clock: Callable[[], float],
    ) -> None:
        """Begin with what was logged in the last `within_s` seconds, by `clock`, in Unix seconds.

        `opened` opens the log, once for each stream.
        """
        self._opened = opened
        self._within_s = within_s
        self._clock = clock
        self._applied_at: float | None = None

    async def watch(self, epoch: int, resume_revision: int) -> Events:
        async with self._opened() as log:
            events = await self._events(log, Position(epoch, resume_revision))
            async with aclosing(events):
                async for event in events:
                    yield event

    async def _events(self, log: ChangeLog, position: Position) -> Events:
        now = self._clock()
        start = now - self._within_s
        if not position.revision:
            return begun(self._since(log, start), await log.stands(now))
        if self._applied_at is not None:
            start = self._applied_at + TICK_S
        return going_on_from(position, self._since(log, start))

    async def _since(self, log: ChangeLog, start: float) -> Events:
        async with aclosing(log.since(start)) as logged:
            async for event, logged_at in logged:
                yield event
                self._applied_at = logged_at
        raise UpstreamUnavailable("the log has ended")
