"""The one writer of a copy in Valkey, as long as it holds the lease.

The lease keeps two followers from working against each other. That no write is ever lost or mixed
does not depend on it: each names the lease's token and the position at which the copy was seen
last, and the server refuses it where either is another by now. So a writer that was suspended, a
write that was sent twice or arrives late, and a server that came back empty or older all end the
stream, and the next one begins with what is there.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from orders_svc.feed.follower import SinkUnavailable, SnapshotDropped
from orders_svc.feed.steps import NOWHERE, Position
from orders_svc.replica.records import Meta, Row, grant_key, pack_row
from orders_svc.replica.valkey.meta import meta_of
from orders_svc.replica.valkey.server import CopyServer, CopyServerUnavailable
from shop.products.v1.products_pb2 import Change, Grant

_STAGE_AT = 2048
"""Staged grants that are sent at once."""


class CopyLost(SinkUnavailable):
    """The copy is not what this writer has left there."""


class LeaseLost(SinkUnavailable):
    """Another follower has taken over."""


class ValkeyWriter:
    """See `orders_svc.replica.copy.CopyWriter`."""

    def __init__(
        self,
        server: CopyServer,
        *,
        lease_s: float = 2.5,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Write to `server`, which is closed with the writer.

        Args:
            server: where the copy is.
            lease_s: how long another writer waits for this one after it has died, in seconds.
            sleep: how to wait.
        """
        self._server = server
        self._lease_s = lease_s
        self._sleep = sleep
        # Who it is, for people; and something that nobody else has.
        self._token = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(8)}"
        self._seen = NOWHERE
        self._staging = ""
        self._waiting: list[str | bytes] = []
        self._keeping: asyncio.Task[None] | None = None

    async def acquire(self) -> None:
        while not await self._takes_lease():
            await self._sleep(self._lease_s / 4)
        self._seen = (await self.meta()).position
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_lease())

    async def meta(self) -> Meta:
        return meta_of(await self._ask("describe"))

    async def apply(self, position: Position, changes: Sequence[Change]) -> None:
        rows = [part for change in changes for part in _changed(change)]
        await self._write("apply", *self._seen, position.revision, *rows)
        self._seen = position

    async def mark_complete(self, synced_at: float) -> None:
        await self._write("complete", *self._seen, repr(synced_at))

    async def mark_incomplete(self) -> None:
        await self._write("incomplete")

    async def begin_snapshot(self) -> None:
        self._waiting.clear()
        self._staging = secrets.token_hex(8)
        await self._write("begin", self._staging)

    async def stage(self, revision: int, subject: str, grants: Iterable[Grant]) -> None:
        for grant in grants:
            self._waiting += (grant_key(subject, grant.product_id), _value(grant, revision))
        if len(self._waiting) >= 2 * _STAGE_AT:
            await self._hand_over()

    async def commit_snapshot(self, position: Position, grant_count: int, synced_at: float) -> None:
        await self._hand_over()
        what = (grant_count, *position, repr(synced_at))
        await self._write("commit", *self._seen, self._staging, *what)
        self._seen = position

    async def discard_snapshot(self) -> None:
        """Forget what is staged, and let another follower try: it may reach products."""
        self._waiting.clear()
        self._staging = ""
        await self._release()

    async def sweep(self) -> None:
        """Nothing is left over."""

    async def close(self) -> None:
        await self._release()
        await self._server.close()

    async def _hand_over(self) -> None:
        rows, self._waiting = self._waiting, []
        for start in range(0, len(rows), 2 * _STAGE_AT):
            await self._write("stage", self._staging, *rows[start : start + 2 * _STAGE_AT])

    async def _write(self, script: str, *arguments: str | bytes | float) -> None:
        outcome = await self._ask(script, self._token, *arguments)
        if outcome == b"taken":
            raise LeaseLost("another follower has taken over")
        if outcome == b"lost":
            raise CopyLost("the store has lost the copy, or has an older one")
        if outcome == b"dropped":
            raise SnapshotDropped("not all of it arrived")

    async def _ask(self, script: str, *arguments: str | bytes | float) -> Sequence[bytes] | bytes:
        try:
            answer: Sequence[bytes] | bytes = await self._server.ask(script, *arguments)
        except CopyServerUnavailable as error:
            raise SinkUnavailable(str(error)) from error
        return answer

    async def _takes_lease(self) -> bool:
        return bool(await self._ask("take", self._token, int(self._lease_s * 1000)))

    async def _keep_lease(self) -> None:
        """Until it is lost. Asked at a steady pace, since a stream may be silent for long."""
        while True:
            await self._sleep(self._lease_s / 3)
            with suppress(SinkUnavailable):
                if not await self._takes_lease():
                    return

    async def _release(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is None:
            return
        keeping.cancel()
        await asyncio.wait({keeping})
        with suppress(SinkUnavailable):
            await self._ask("release", self._token)


def _changed(change: Change) -> tuple[bytes, bytes]:
    if change.HasField("granted"):
        key = grant_key(change.subject, change.granted.product_id)
        return key, _value(change.granted, change.revision)
    return grant_key(change.subject, change.revoked_product_id), b""


def _value(grant: Grant, revision: int) -> bytes:
    return pack_row(Row(grant.max_quantity, grant.unit_price_micros, revision))
