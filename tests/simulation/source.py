"""Products: a history that grows, is compacted, dies, and is restored; and streams of it."""

import asyncio
from collections.abc import AsyncGenerator
from random import Random

from orders_svc.feed.steps import Position
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.feed_kit import Products, heartbeat
from tests.simulation.history import Committed
from tests.simulation.notes import Notes
from waybill.errors import UpstreamUnavailable

SUBJECTS = ("ada", "bob", "eve")
PRODUCT_IDS = ("1", "2", "3", "4")
BEAT_S = 0.5
POLL_S = 0.1
Stream = AsyncGenerator[WatchAccessResponse, None]


class Source:
    """The one products service that is right. It may be down; its streams end with it."""

    def __init__(self, notes: Notes, random: Random) -> None:
        self._notes = notes
        self._random = random
        self.products = Products(epoch=1)
        self.backup = self.products.backup()
        self.dead: list[Products] = []  # instances whose history has ended without their knowing
        self.up = True
        self._life = 0
        self._note()

    @property
    def position(self) -> Position:
        return Position(self.products.epoch, self.products.revision)

    def commit(self, times: int) -> None:
        """Some changes at once."""
        for _ in range(times):
            subject, product_id = self._random.choice(SUBJECTS), self._random.choice(PRODUCT_IDS)
            before = self.products.revision
            if self._random.random() < 0.4:
                self.products.revoke(subject, product_id)
            else:
                most = self._random.randrange(5)
                self.products.grant(subject, product_id, most, 100 * most)
            if self.products.revision > before:
                self._note()

    def compact(self) -> None:
        """The changes so far can no longer be resumed from."""
        self._notes.happened("compacted")
        self.products.compact()

    def back_up(self) -> None:
        """What a restore will bring back, and an instance that stays there."""
        self.backup = self.products.backup()
        self.dead.append(self.backup)

    def stop(self) -> None:
        """All streams break, and nobody gets another."""
        self._notes.happened("products is down")
        self.up = False
        self._life += 1

    def start(self) -> None:
        """Streams are to be had again."""
        self._notes.happened("products is up")
        self.up = True

    def restore(self) -> None:
        """The backup comes back, as a history of its own."""
        self._begin(self.backup.backup(), "restored")

    def lose_everything(self) -> None:
        """The database is made anew, with nothing in it."""
        self._begin(Products(), "came back empty")

    def _begin(self, products: Products, what: str) -> None:
        self.dead.append(self.products)
        products.epoch = self.products.epoch + 1
        products.floor = products.revision
        products.log.clear()
        self.products = products
        self._life += 1
        self._notes.happened(what)
        self._note()

    async def stream(self, epoch: int, resume_revision: int) -> Stream:
        """What the contract says: snapshot or changes, then what is new, and heartbeats."""
        life, products = self._life, self.products
        at = products.revision
        for event in products.stream(epoch, resume_revision)[:-1]:
            self._require(life)
            yield event
        beat_at = 0.0
        while True:
            self._require(life)
            looked_at = self._notes.true_clock()
            for event in list(products.changes_after(at)):
                yield event
                self._require(life)
                at = event.changes.changes[-1].revision
            if looked_at >= beat_at and at == products.revision:
                beat_at = looked_at + BEAT_S
                yield heartbeat(products.epoch, at, looked_at)
            await asyncio.sleep(POLL_S)

    def _require(self, life: int) -> None:
        if life != self._life or not self.up:
            raise UpstreamUnavailable("the connection is lost")

    def _note(self) -> None:
        self._notes.records.append(
            Committed(self._notes.at, self.position, dict(self.products.grants))
        )


async def left_behind(products: Products, epoch: int, resume_revision: int, notes: Notes) -> Stream:
    """A stream of an instance that has missed the newest history, and does not know it."""
    for event in products.stream(epoch, resume_revision)[:-1]:
        yield event
    while True:
        yield heartbeat(products.epoch, products.revision, notes.true_clock())
        await asyncio.sleep(BEAT_S)
