"""A copy with a writer, a reader and one time for both, and a feed that is written down."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import pytest
import structlog

from orders_svc.access import Grant
from orders_svc.feed.follower import Follower
from orders_svc.feed.pace import Pace
from orders_svc.feed.steps import Position
from orders_svc.replica.sink import ReplicaSink
from shop.products.v1.products_pb2 import Grant as WireGrant
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.replica_kit import Place
from waybill.testing import FakeClock

Events = Sequence[WatchAccessResponse]
Script = Callable[[int, int], Events]


class Copy:
    """A writer and a reader of one copy, and one time for both."""

    def __init__(self, place: Place, clock: FakeClock) -> None:
        self.place = place
        self.clock = clock
        self.open()

    def open(self) -> None:
        self.writer = self.place.writer()
        self.reader = self.place.reader(self.writer, self.clock)

    async def grants(
        self, subject: str, *product_ids: str, min_revision: int = 0
    ) -> dict[str, Grant]:
        return dict(await self.reader.grants_at(subject, product_ids, min_revision, 0.0))

    async def snapshot(self, revision: int, *product_ids: str, count: int | None = None) -> None:
        """A snapshot of grants of ada, of which there should be `count`."""
        await self.stage(revision, *product_ids)
        wanted = len(product_ids) if count is None else count
        await self.writer.commit_snapshot(Position(1, revision), wanted, self.clock())

    async def stage(self, revision: int, *product_ids: str) -> None:
        await self.writer.begin_snapshot()
        grants = [WireGrant(product_id=each, max_quantity=3) for each in product_ids]
        await self.writer.stage(revision, "ada", grants)

    async def follow(self, *scripts: Script) -> Follower:
        """Follow one stream after another, then stop, as a crash between two events would."""
        follower = Follower(
            Scripted(list(scripts)),
            ReplicaSink(self.writer, self.clock),
            name="replica",
            log=structlog.testing.CapturingLogger(),
            pace=Pace(silence_s=30.0, first_event_s=30.0),
            clock=self.clock,
            sleep=_stop_after(len(scripts)),
        )
        with pytest.raises(Stopped):
            await follower.run()
        return follower

    async def close(self) -> None:
        await self.reader.close()
        await self.writer.close()


class Stopped(Exception):
    """All streams have been followed."""


def _stop_after(streams: int) -> Callable[[float], Awaitable[None]]:
    left = [streams]

    async def sleep(_seconds: float) -> None:
        left[0] -= 1
        if not left[0]:
            raise Stopped

    return sleep


class Scripted:
    """A feed that is written down."""

    def __init__(self, scripts: list[Script]) -> None:
        self._scripts = scripts

    async def watch(
        self, epoch: int, resume_revision: int
    ) -> AsyncGenerator[WatchAccessResponse, None]:
        for event in self._scripts.pop(0)(epoch, resume_revision):
            yield event
