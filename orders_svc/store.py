"""The ledger of orders as the event loop sees it: writes in groups, reads on a few threads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple

from orders_svc.group_commit import GroupCommit
from orders_svc.ledger import Ledger
from orders_svc.orders import NewOrder, Order, OrderPage
from waybill.errors import StorageUnavailable

Arguments = TypeVarTuple("Arguments")
Found = TypeVar("Found")


class OrderStore:
    """Keeps orders; each is durable before its caller hears of it.

    Args:
        ledger: where orders are kept; closed with the store.
        group_commit: False commits each order in a transaction of its own, as the baseline that
            grouping is measured against.
        max_waiting: orders that may wait for their commit; more are refused.
        reader_threads: reads that may go on at the same time; others wait.
        patience_s: how long a call waits for the ledger, whatever holds it up; None for ever.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        group_commit: bool = True,
        max_waiting: int = 1000,
        reader_threads: int = 4,
        patience_s: float | None = None,
    ) -> None:
        self._ledger = ledger
        self._patience_s = patience_s
        self._writer: GroupCommit[NewOrder, Order] = GroupCommit(
            ledger.append, max_group=256 if group_commit else 1, max_waiting=max_waiting
        )
        self._readers = ThreadPoolExecutor(reader_threads, thread_name_prefix="orders-reader")

    async def place(self, new: NewOrder, time_left_s: float | None = None) -> Order:
        """Make `new` durable; a repeated request gives the order of the first one.

        Raises:
            RequestIdReused: the request id names an order of other lines.
            DeadlineSpent: `time_left_s` passed first. The order may become durable all the same:
                the same request sent again finds out.
            TooManyCalls, ShuttingDown: not taken.
            StorageUnavailable: the transaction failed, or took too long. In the second case too the
                same request sent again finds out.
        """
        async with self._patient():
            return await self._writer.submit(new, time_left_s)

    async def recall(self, subject: str, request_id: str, fingerprint: bytes) -> Order | None:
        """See `Ledger.recall`."""
        return await self._read(self._ledger.recall, subject, request_id, fingerprint)

    async def get(self, subject: str, order_id: str) -> Order:
        """See `Ledger.get`."""
        return await self._read(self._ledger.get, subject, order_id)

    async def page(self, subject: str, size: int, before: int | None) -> OrderPage:
        """See `Ledger.page`."""
        return await self._read(self._ledger.page, subject, size, before)

    async def check(self) -> str | None:
        """Health: None, or why no order can be kept."""
        try:
            await self._read(self._ledger.ping)
        except StorageUnavailable as unavailable:
            return unavailable.message
        return None

    async def close(self) -> None:
        """Commit what waits, then close the ledger."""
        await self._writer.close()
        self._readers.shutdown()
        self._ledger.close()

    async def _read(self, read: Callable[[*Arguments], Found], *arguments: *Arguments) -> Found:
        async with self._patient():
            return await asyncio.get_running_loop().run_in_executor(self._readers, read, *arguments)

    @asynccontextmanager
    async def _patient(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience_s):
                yield
        except TimeoutError:
            raise StorageUnavailable(f"no answer within {self._patience_s:g} s") from None
