"""Publishes every committed change to a log that others read, for as long as this process leads.

The change log of the database is the outbox: a change and its row commit together. What has been
published is not noted beside it but read from the end of the published log itself, so there are no
two notes that could part. Whatever dies between a commit and its publication, whoever leads next
goes on right after what the log says last: a change is published late then, never lost, and never
a second time.

One process leads at a time, by a lease in the database, so that no two work against each other.
That the log stays one history in order does not depend on the lease: it refuses a message that does
not follow on the one that the publisher knows as the last.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import NamedTuple, NoReturn, Protocol

from structlog.typing import FilteringBoundLogger

from products_svc.store.values import Position
from shop.products.v1 import products_pb2 as pb
from waybill.cancelling import heeding_cancellation

LEASE = "publisher"
LEASE_S = 3.0
"""How long after the leader's death another process takes over."""
RETRY_S = 1.0
"""Between two attempts to lead; chance takes up to half of it away."""


class Published(NamedTuple):
    """What a log says last. These compare by epoch first."""

    epoch: int
    revision: int


class Outrun(Exception):
    """Somebody else has published in between."""


class LogWriter(Protocol):
    """A log that others read, open for appending."""

    async def newest(self) -> Published | None:
        """What it says last; None if it says nothing."""
        ...

    async def append(self, message: pb.WatchAccessResponse) -> None:
        """Publish; durable then.

        Raises:
            Outrun: somebody else has published since it was opened.
        """
        ...


class Log(Protocol):
    """Where to publish."""

    def opened(self) -> AbstractAsyncContextManager[LogWriter]:
        """The log, open for appending."""
        ...


class Outbox(Protocol):
    """The history of committed changes, as `products_svc.feed.feed.Feed` streams it."""

    async def position(self) -> Position:
        """Where the history stands."""
        ...

    def follow(self, epoch: int, revision: int) -> AsyncGenerator[pb.WatchAccessResponse, None]:
        """Changes after `revision` for ever, and heartbeats; no snapshot."""
        ...


class Leases(Protocol):
    """Who may do what only one process should do."""

    async def take_lease(self, name: str, owner: str, lasts_s: float) -> bool:
        """Whether the lease is `owner`'s now, for so many seconds."""
        ...

    async def end_lease(self, name: str, owner: str) -> None:
        """Let another one take it."""
        ...


class Publisher:
    """One process's part in it; `run` ends only by cancellation."""

    def __init__(  # noqa: PLR0913 (collaborators, by name)
        self,
        outbox: Outbox,
        log: Log,
        leases: Leases,
        *,
        owner: str,
        logger: FilteringBoundLogger,
        timer: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Publish what `outbox` has to `log`.

        Args:
            outbox: what is committed.
            log: where it is published.
            leases: say which process leads.
            owner: this process; nobody else may have this name.
            logger: is told of every end.
            timer: seconds, for renewing the lease in time.
            sleep: how to wait between two attempts.
            chance: draws from 0 to below 1, so that processes do not try in step.
        """
        self._outbox = outbox
        self._log = log
        self._leases = leases
        self._owner = owner
        self._logger = logger
        self._timer = timer
        self._sleep = sleep
        self._chance = chance
        self._renew_at = 0.0

    async def run(self) -> NoReturn:
        """Lead whenever nobody else does."""
        try:
            while True:
                with heeding_cancellation():
                    await self._lead_if_nobody_does()
                await self._sleep(RETRY_S * (1 - self._chance() / 2))
        finally:
            await self._leases.end_lease(LEASE, self._owner)

    async def _lead_if_nobody_does(self) -> None:
        try:
            if await self._holds_lease():
                await self._lead()
        except Outrun:
            self._logger.warning("publisher_outrun")
        except Exception as error:  # noqa: BLE001 - no failure may end the publishing for ever
            self._logger.warning("publisher_stopped", why=f"{type(error).__name__}: {error}")

    async def _lead(self) -> None:
        async with self._log.opened() as log:
            start = begins_after(await log.newest(), await self._outbox.position())
            if start is None:
                self._logger.error(
                    "publisher_is_behind",
                    advice="the log has later changes than the database; if that was restored from "
                    "a backup, it needs a new epoch",
                )
                return
            self._logger.info("publisher_leads", epoch=start.epoch, revision=start.revision)
            async with aclosing(self._outbox.follow(*start)) as messages:
                async for message in messages:
                    await log.append(message)
                    if not await self._holds_lease():
                        return

    async def _holds_lease(self) -> bool:
        """Whether it does; asked of the database while a third of the lease is over."""
        now = self._timer()
        if now < self._renew_at:
            return True
        holds = await self._leases.take_lease(LEASE, self._owner, LEASE_S)
        self._renew_at = now + LEASE_S / 3 if holds else 0.0
        return holds


def begins_after(newest: Published | None, position: Position) -> Published | None:
    """Where to go on in a history at `position` for a log that says `newest` last.

    A log that knows nothing of this history begins with it as it is: readers take a snapshot. One
    that ends before what the history still holds gets the rest, and readers see a gap. None for a
    log that is ahead of the history: this is an older database, which must not be believed.
    """
    here = Published(position.epoch, position.revision)
    if newest is None or newest.epoch < position.epoch:
        return here
    if newest > here:
        return None
    return max(newest, Published(position.epoch, position.floor))
