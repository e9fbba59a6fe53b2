"""What orders must refuse under `replica` and `direct-call`, as its callers see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from grpc import aio

from orders_svc.bootstrap import build
from orders_svc.settings import Settings
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import CheckAccessResponse, Grant, WatchAccessResponse
from tests.feed_kit import Products, changes, granted, heartbeat, part, snapshot_start
from tests.orders_kit import Issuers, now, place
from tests.scripted_products import Script, scripted, serving
from waybill.serving.server import running
from waybill.status import error_from
from waybill.strategy import Strategy
from waybill.testing import FakeClock

Event = WatchAccessResponse | grpc.StatusCode
REPLICA, DIRECT_CALL = Strategy.REPLICA, Strategy.DIRECT_CALL
GRANTED = "1"
OK = "OK"


class World:
    """A scripted products service, and a real orders service that knows nobody else."""

    def __init__(self, folder: Path) -> None:
        self.issuers = Issuers(folder)
        (folder / "service-token").write_text("token")
        self.clock = FakeClock(now())
        self.script: Script = scripted()
        self.stack = AsyncExitStack()
        self.products = Products()
        self.products.grant("ada", GRANTED, 0, 5)
        self.stub: object = None

    async def start(self, *streams: list[Event], products_up: bool = True) -> None:
        self.script.streams = list(streams)
        port = await self.stack.enter_async_context(serving(self.script)) if products_up else 1
        values = self.issuers.settings(
            strategies=(REPLICA, DIRECT_CALL),
            default_strategy=REPLICA,
            products_target=f"127.0.0.1:{port}",
            products_timeout_s=0.2,
            log_level="error",
            drain_s=0,
        )
        settings = Settings(**values)
        orders = build(settings, self.clock)
        self.stack.push_async_callback(orders.close)
        address = await self.stack.enter_async_context(
            running(settings, orders.services, orders.service_names, orders.checks)
        )
        channel = aio.insecure_channel(f"127.0.0.1:{address}")
        self.stub = OrdersServiceStub(await self.stack.enter_async_context(channel))

    async def order(
        self,
        strategy: Strategy,
        product_id: str = GRANTED,
        *,
        min_revision: int = 0,
        timeout_s: float = 10,
    ) -> str:
        """The code and reason of the outcome."""
        request = place("once", {product_id: 1}, validate_only=True, min_revision=min_revision)
        metadata = self.issuers.call("ada", strategy)
        try:
            await self.stub.PlaceOrder(request, metadata=metadata, timeout=timeout_s)  # type: ignore[attr-defined]
        except grpc.RpcError as error:
            refusal = error_from(error)
            return f"{refusal.code.name} {refusal.reason}"
        return OK

    async def replica_answers(self, wanted: str) -> None:
        """Wait until an order under `replica` ends so."""
        async with asyncio.timeout(10):
            while await self.order(REPLICA) != wanted:  # noqa: ASYNC110 - the service is real
                await asyncio.sleep(0.01)

    async def has_been_asked(self, times: int) -> None:
        """Wait for so many questions to products."""
        async with asyncio.timeout(10):
            while len(self.script.asked) < times:  # noqa: ASYNC110 - the service is real
                await asyncio.sleep(0.01)

    def snapshot(self) -> list[Event]:
        return [*self.products.stream(0, 0)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    async with world.stack:
        yield world


async def test_replica_cold_start(world: World) -> None:
    await world.start()
    assert await world.order(REPLICA) == "UNAVAILABLE REPLICA_NOT_READY"


async def test_replica_cold_until_the_snapshot_is_whole(world: World) -> None:
    await world.start([snapshot_start(1, 1), part(1, "ada", Grant(product_id=GRANTED))])
    await asyncio.wait_for(world.script.stuck.wait(), 10)
    assert await world.order(REPLICA) == "UNAVAILABLE REPLICA_NOT_READY"


async def test_replica_grants_and_denies(world: World) -> None:
    await world.start(world.snapshot())
    await world.replica_answers(OK)
    assert await world.order(REPLICA, "2") == "PERMISSION_DENIED NOT_GRANTED"


async def test_replica_lag_over_the_bound(world: World) -> None:
    *whole, _heartbeat = world.snapshot()  # which may come after the clock has moved
    await world.start(whole)
    await world.replica_answers(OK)
    world.clock.advance(5.1)
    assert await world.order(REPLICA) == "UNAVAILABLE REPLICA_NOT_READY"


@pytest.mark.parametrize(
    "gap", [changes(1, 7, granted(8, "ada", "2")), heartbeat(1, 8)], ids=["changes", "heartbeat"]
)
async def test_replica_gap(world: World, gap: WatchAccessResponse) -> None:
    await world.start([*world.snapshot(), gap])
    await world.has_been_asked(2)
    assert await world.order(REPLICA) == "UNAVAILABLE REPLICA_NOT_READY"


async def test_replica_waits_for_the_callers_revision_and_then_refuses(world: World) -> None:
    await world.start(world.snapshot())
    await world.replica_answers(OK)
    refused = await world.order(REPLICA, min_revision=9, timeout_s=0.3)
    assert refused == "UNAVAILABLE REVISION_NOT_REACHED"


async def test_replica_waits_for_the_callers_revision_and_then_answers(world: World) -> None:
    world.script.hold_after = heartbeat(1, 1)
    await world.start([*world.snapshot(), changes(1, 1, granted(2, "ada", "2"))])
    await world.replica_answers(OK)
    ordering = asyncio.create_task(world.order(REPLICA, "2", min_revision=2))
    world.script.held.set()
    assert await ordering == OK


async def test_replica_resumes_below_compaction(world: World) -> None:
    compacted = [*world.snapshot(), grpc.StatusCode.UNAVAILABLE]
    world.products.grant("ada", "2")
    again = world.snapshot()
    await world.start(compacted, [grpc.StatusCode.OUT_OF_RANGE], again)
    await world.has_been_asked(3)
    await world.replica_answers(OK)
    assert await world.order(REPLICA, "2", min_revision=2) == OK
    assert [request.resume_revision for request in world.script.asked] == [0, 1, 0]


async def test_replica_ignores_duplicates_and_lower_epochs(world: World) -> None:
    world.products.epoch = 2
    lower = [heartbeat(1, 9), changes(1, 1, granted(2, "ada", "9"))]
    repeated = [changes(2, 0, granted(1, "ada", "9")), heartbeat(2, 0)]
    news = changes(2, 1, granted(2, "ada", "2"))
    await world.start([*world.snapshot(), *lower, *repeated, news])
    await world.replica_answers(OK)
    assert await world.order(REPLICA, "2", min_revision=2) == OK
    assert await world.order(REPLICA, "9") == "PERMISSION_DENIED NOT_GRANTED"
    assert len(world.script.asked) == 1


async def test_direct_call_upstream_down(world: World) -> None:
    await world.start(products_up=False)
    assert await world.order(DIRECT_CALL) == "UNAVAILABLE UPSTREAM_UNAVAILABLE"


async def test_direct_call_upstream_down_with_a_usable_entry(world: World) -> None:
    await world.start()
    world.script.answers = [CheckAccessResponse(grants=[Grant(product_id=GRANTED)], revision=1)]
    assert await world.order(DIRECT_CALL) == OK
    world.script.answers = [grpc.StatusCode.INTERNAL] * 9
    assert await world.order(DIRECT_CALL) == OK
    assert await world.order(DIRECT_CALL, min_revision=2) == "UNAVAILABLE UPSTREAM_UNAVAILABLE"


async def test_direct_call_upstream_silent(world: World) -> None:
    await world.start()
    assert await world.order(DIRECT_CALL) == "UNAVAILABLE UPSTREAM_UNAVAILABLE"


async def test_direct_call_upstream_denies(world: World) -> None:
    await world.start()
    world.script.answers = [CheckAccessResponse(revision=1)]
    assert await world.order(DIRECT_CALL) == "PERMISSION_DENIED NOT_GRANTED"


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
)
async def test_direct_call_upstream_refuses_orders_itself(
    world: World, code: grpc.StatusCode
) -> None:
    await world.start()
    world.script.answers = [code]
    assert await world.order(DIRECT_CALL) == "UNAVAILABLE UPSTREAM_UNAVAILABLE"


async def test_direct_call_answer_below_the_callers_revision(world: World) -> None:
    await world.start()
    world.script.answers = [CheckAccessResponse(grants=[Grant(product_id=GRANTED)], revision=1)]
    refused = await world.order(DIRECT_CALL, min_revision=2)
    assert refused == "UNAVAILABLE REVISION_NOT_REACHED"
