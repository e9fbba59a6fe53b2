"""An acknowledged order survives `kill -9` of the service; one that is sent again is never doubled.

The service is killed under load again and again, and so is its PostgreSQL server. Callers send
what was not answered again with the same request ids, as real ones would, until everything is
acknowledged. Then there must be exactly one order for each request id, and it must be the one that
was acknowledged.
"""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from shop.orders.v1.orders_pb2 import ListOrdersRequest, Order
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from tests.conftest import new_postgres
from tests.orders_kit import Issuers, place
from waybill.metadata import Entry
from waybill.strategy import Strategy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

CALLERS = 8
ORDERS_EACH = 100
KILLS = 4
SEED = 1905
CHANNEL_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # a connection each, so that workers share the callers
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]


class Service:
    """`python -m orders_svc` as a process."""

    def __init__(self, issuers: Issuers, workers: int) -> None:
        values = issuers.settings(workers=workers, host="127.0.0.1")
        self._environ = {
            f"ORDERS_{name.upper()}": ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in values.items()
        }
        self._workers = workers
        self._process: asyncio.subprocess.Process | None = None
        self._pids: list[int] = []
        self.target = ""
        self.up = asyncio.Event()

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orders_svc"),
            env={**os.environ, **self._environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._pids = [await self._ready() for _ in range(self._workers)]
        self.up.set()

    async def kill(self) -> None:
        """Kill every process of the service, and start it again at another port."""
        assert self._process is not None
        self.up.clear()
        for pid in {self._process.pid, *self._pids}:
            os.kill(pid, signal.SIGKILL)
        await self._process.wait()
        await self.start()

    async def kill_worker(self, index: int) -> None:
        """Kill one worker, whose parent starts another at the same port."""
        os.kill(self._pids[index], signal.SIGKILL)
        self._pids[index] = await self._ready()

    async def stop(self) -> int:
        """Ask the service to end; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 30)

    async def _ready(self) -> int:
        """Wait for a line `ready port=NNNN pid=NNNN`; its pid."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode()
        assert line.startswith("ready "), line
        values = dict(pair.split("=") for pair in line.split()[1:])
        self.target = f"127.0.0.1:{values['port']}"
        return int(values["pid"])


@asynccontextmanager
async def started(issuers: Issuers, workers: int) -> AsyncIterator[Service]:
    service = Service(issuers, workers)
    await service.start()
    try:
        yield service
    finally:
        code = await service.stop()
    assert code == 0


@dataclass
class Progress:
    """What callers have been told so far."""

    acknowledged: dict[str, Order] = field(default_factory=dict)
    unanswered: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def acknowledge(self, order: Order) -> None:
        assert order.order_id
        assert order.request_id not in self.acknowledged
        self.acknowledged[order.request_id] = order
        async with self._changed:
            self._changed.notify_all()

    async def reached(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.acknowledged) >= count)


class Caller:
    """Places orders one after the other, each until it is acknowledged."""

    def __init__(self, service: Service, subject: str, metadata: tuple[Entry, ...]) -> None:
        self._service = service
        self._subject = subject
        self._metadata = metadata
        self._target = ""
        self._channel: aio.Channel | None = None

    async def run(self, progress: Progress, orders: int) -> None:
        for number in range(orders):
            await progress.acknowledge(await self._placed(f"{self._subject}-{number}", progress))

    async def listed(self) -> list[Order]:
        """All orders of this caller, newest first."""
        orders: list[Order] = []
        request = ListOrdersRequest(page_size=30)
        while True:
            stub = await self._connected()
            page = await stub.ListOrders(request, metadata=self._metadata, timeout=30)
            orders += page.orders
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return orders

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def _placed(self, request_id: str, progress: Progress) -> Order:
        while True:
            stub = await self._connected()
            request = place(request_id, {"sku-1": 2})
            try:
                response = await stub.PlaceOrder(request, metadata=self._metadata, timeout=30)
            except aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                progress.unanswered += 1
            else:
                order: Order = response.order
                return order

    async def _connected(self) -> Any:
        """A stub of the service as it is now, wherever that is."""
        while True:
            await self._service.up.wait()
            if self._channel is None or self._target != self._service.target:
                await self.close()
                self._target = self._service.target
                self._channel = aio.insecure_channel(self._target, options=CHANNEL_OPTIONS)
            with suppress(TimeoutError):  # killed meanwhile: look again where it is
                await asyncio.wait_for(self._channel.channel_ready(), 1)
                return OrdersServiceStub(self._channel)


Kill = Callable[[], Awaitable[None]]


async def _kill_in_turn(progress: Progress, kills: Sequence[Kill], orders: int) -> None:
    """Kill in each of the ways, at chosen numbers of acknowledged orders."""
    moments = sorted(random.Random(SEED).sample(range(orders * 9 // 10), len(kills)))
    for moment, kill in zip(moments, kills, strict=True):
        await progress.reached(moment)
        await kill()


async def _assert_none_is_lost_or_doubled(
    service: Service, issuers: Issuers, kills: Sequence[Kill], orders_each: int = ORDERS_EACH
) -> None:
    progress = Progress()
    callers = [_caller(service, issuers, f"user-{number}") for number in range(CALLERS)]
    await asyncio.gather(
        _kill_in_turn(progress, kills, CALLERS * orders_each),
        *(caller.run(progress, orders_each) for caller in callers),
    )
    listed = [order for caller in callers for order in await caller.listed()]
    await asyncio.gather(*(caller.close() for caller in callers))
    assert progress.unanswered > 0
    assert len(listed) == CALLERS * orders_each
    assert {order.request_id: order for order in listed} == progress.acknowledged


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_acknowledged_order_is_lost_and_none_doubled(tmp_path: Path, workers: int) -> None:
    issuers = Issuers(tmp_path)
    async with started(issuers, workers) as service:
        kills: list[Kill] = [service.kill, partial(service.kill_worker, workers - 1)]
        in_turn = list(islice(cycle(kills[:workers]), KILLS))
        await _assert_none_is_lost_or_doubled(service, issuers, in_turn)
    assert _durable_orders(tmp_path / "orders.db") == CALLERS * ORDERS_EACH


@pytest.mark.engines
async def test_on_postgresql_neither_where_its_server_is_killed_as_well(tmp_path: Path) -> None:
    with new_postgres() as server:

        async def kill_server() -> None:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start_again)

        issuers = Issuers(tmp_path, server.url())
        async with started(issuers, workers=2) as service:
            kills: list[Kill] = [
                kill_server,
                partial(service.kill_worker, 0),
                service.kill,
                kill_server,
            ]
            await _assert_none_is_lost_or_doubled(service, issuers, kills, orders_each=40)


def _caller(service: Service, issuers: Issuers, subject: str) -> Caller:
    state = issuers.token(subject, {"sku-1": 0})
    return Caller(service, subject, issuers.call(subject, Strategy.METADATA_JWT, state))


def _durable_orders(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        orphans = (
            "SELECT count(*) FROM order_lines WHERE order_id NOT IN (SELECT order_id FROM orders)"
        )
        assert connection.execute(orphans).fetchone() == (0,)
        count: int = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
        return count
    finally:
        connection.close()
