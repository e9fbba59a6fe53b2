"""Answers from the copy in Valkey: one round trip an order, and only while it may be believed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from orders_svc.access import Grant
from orders_svc.replica.patience import Patience
from orders_svc.replica.records import unpack_row
from orders_svc.replica.status import ReplicaStatus, problem_of, status_of
from orders_svc.replica.valkey.meta import meta_of
from orders_svc.replica.valkey.server import CopyServer, CopyServerUnavailable, row_names
from waybill.errors import ReplicaNotReady, RevisionNotReached


class ValkeyReader:
    """See `orders_svc.replica.copy.CopyReader`. A server that came back empty holds no copy."""

    def __init__(
        self,
        server: CopyServer,
        *,
        lag_bound_s: float = 5.0,
        clock: Callable[[], float] = time.time,
        wait_bound_s: float = 5.0,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Read from `server`, which is closed with the reader.

        Args:
            server: where the copy is.
            lag_bound_s: how long ago the copy was known to be complete at most, in seconds.
            clock: the wall clock, which the writer's `synced_at` is compared with.
            wait_bound_s: how long a read waits for a revision at most, in seconds.
            timer: the clock of waiting; `sleep` lets its time pass.
            sleep: how to wait.
        """
        self._server = server
        self._lag_bound_s = lag_bound_s
        self._clock = clock
        self._patience = Patience(wait_bound_s, timer, sleep)
        self._seen: ReplicaStatus | None = None

    async def grants(
        self, subject: str, product_ids: Sequence[str], min_revision: int = 0
    ) -> Mapping[str, Grant]:
        """The subject's grants among `product_ids`, all as of one revision, which they carry.

        Raises:
            ReplicaNotReady: cold, a gap, over the lag bound, or the server does not answer.
            RevisionNotReached: the copy is at a revision below `min_revision`.
        """
        try:
            answer = await self._server.ask("describe", *row_names(subject, product_ids))
        except CopyServerUnavailable as error:
            raise ReplicaNotReady(str(error)) from error
        meta = meta_of(answer)
        problem = problem_of(meta, self._clock(), self._lag_bound_s)
        if problem is not None:
            raise ReplicaNotReady(problem)
        if meta.revision < min_revision:
            raise RevisionNotReached(f"the replica is at {meta.revision}")
        return _grants(product_ids, answer[-1], meta.revision)

    async def grants_at(
        self,
        subject: str,
        product_ids: Sequence[str],
        min_revision: int,
        time_left_s: float | None,
    ) -> Mapping[str, Grant]:
        return await self._patience.until_reached(
            lambda: self.grants(subject, product_ids, min_revision), time_left_s
        )

    async def status(self) -> ReplicaStatus:
        """How the copy is doing now."""
        try:
            meta = meta_of(await self._server.ask("describe"))
            self._seen = status_of(meta, self._clock(), self._lag_bound_s)
        except CopyServerUnavailable as error:
            self._seen = ReplicaStatus(0, 0, 0, None, str(error))
        return self._seen

    def seen(self) -> ReplicaStatus | None:
        return self._seen

    async def check(self) -> str | None:
        return (await self.status()).problem

    async def close(self) -> None:
        await self._server.close()


def _grants(
    product_ids: Sequence[str], rows: Sequence[bytes | None], revision: int
) -> dict[str, Grant]:
    grants = {}
    for product_id, packed in zip(product_ids, rows, strict=True):
        if packed is not None:
            max_quantity, unit_price_micros, _ = unpack_row(packed)
            grants[product_id] = Grant(product_id, max_quantity, unit_price_micros, revision)
    return grants
