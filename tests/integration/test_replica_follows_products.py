"""The follower against the real products service, over gRPC."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from orders_svc.access import AccessQuery
from orders_svc.feed.follower import Follower
from orders_svc.feed.pace import Pace
from orders_svc.feed.steps import Why
from orders_svc.products_client import ProductsClient, TokenFile, open_channel
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.patience import Patience
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.sink import ReplicaSink
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.replica.writer import ReplicaWriter
from orders_svc.strategies.direct_call import DirectCallResolver
from orders_svc.strategies.replica import ReplicaResolver
from products_svc.store.values import WantedGrant
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.products_kit import Lab, Service
from waybill.answer_cache import AnswerCache, CacheLimits
from waybill.serving.logs import make_logger

PACE = Pace(silence_s=1.0, backoff_s=0.02, max_backoff_s=0.1)
BOUND_S = 60.0


class Orders:
    """The orders service's half: a follower that lives through restarts of products."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._store = ReplicaStore(folder / "replica", 1 << 20)
        self.reader = ReplicaReader(
            OwnEnvironment(self._store.environment), Trust(clock=lab.clock), Patience(BOUND_S)
        )
        self._writer = ReplicaWriter(self._store)
        self.follower = Follower(
            self,
            ReplicaSink(self._writer, lab.clock),
            name="replica",
            log=make_logger("critical"),
            pace=PACE,
            clock=lab.clock,
        )
        self._client: ProductsClient | None = None

    def connect(self, service: Service) -> ProductsClient:
        token = self._folder / "service-token"
        token.write_text(str(self._lab.credential("orders", "service")[1]).removeprefix("Bearer "))
        self._client = ProductsClient(open_channel(f"127.0.0.1:{service.port}"), TokenFile(token))
        return self._client

    def watch(self, epoch: int, resume_revision: int) -> AsyncGenerator[WatchAccessResponse, None]:
        assert self._client is not None
        return self._client.watch(epoch, resume_revision)

    async def granted(self, subject: str, *product_ids: str, revision: int) -> set[str]:
        """What the copy grants once it is at `revision`."""
        await until(lambda: self.reader.status().problem is None)
        query = AccessQuery(subject, product_ids, revision, (), (), None)
        return set(await ReplicaResolver(self.reader).resolve(query))

    async def close(self) -> None:
        await self._writer.close()


@asynccontextmanager
async def following(orders: Orders) -> AsyncIterator[None]:
    task = asyncio.create_task(orders.follower.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if orders._client is not None:
            await orders._client.close()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.fill(["1", "2", "3"], [WantedGrant("ada", "1", 0, None), WantedGrant("bob", "2", 0, None)])
    return lab


@pytest.fixture
async def orders(lab: Lab, tmp_path: Path) -> AsyncIterator[Orders]:
    orders = Orders(lab, tmp_path)
    yield orders
    await orders.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the services are real
            await asyncio.sleep(0.005)


async def test_grants_and_revokes_arrive(lab: Lab, orders: Orders) -> None:
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.reader.status().problem is None)
            assert set(orders.reader.grants("ada", ["1", "2"])) == {"1"}
            revision = await products.grant("ada", "2", "3", max_quantity=4)
            assert await orders.granted("ada", "1", "2", "3", revision=revision) == {"1", "2", "3"}
            revision = await products.revoke("ada", "1")
            assert await orders.granted("ada", "1", "2", "3", revision=revision) == {"2", "3"}
            (grant,) = orders.reader.grants("ada", ["2"]).values()
            assert (grant.max_quantity, grant.unit_price_micros) == (4, 2000)
    assert orders.follower.counters.snapshots == 1
    assert orders.follower.counters.gaps == 0


async def test_resumes_after_a_restart_of_products(lab: Lab, orders: Orders) -> None:
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.follower.counters.heartbeats > 0)
    lab.fill(["4"], [WantedGrant("ada", "4", 0, None)])
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            revision = await products.revoke("ada", "1")
            assert await orders.granted("ada", "1", "4", revision=revision) == {"4"}
    assert orders.follower.counters.snapshots == 1


async def test_a_stop_of_products_ends_the_stream_and_the_copy_ages(
    lab: Lab, orders: Orders
) -> None:
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.follower.counters.heartbeats > 0)
            assert orders.reader.grants("ada", ["1"])
    lab.clock.advance(5.1)
    assert "lags" in str(orders.reader.status().problem)


async def test_below_the_compacted_history_comes_a_snapshot(lab: Lab, orders: Orders) -> None:
    async with lab.service(history_changes=2) as products:
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.follower.counters.heartbeats > 0)
    async with lab.service(history_changes=2) as products:
        for _ in range(5):
            await products.revoke("ada", "1")
            revision = await products.grant("ada", "1", "3")
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.follower.counters.snapshots == 2)
            assert await orders.granted("ada", "1", "3", revision=revision) == {"1", "3"}
    assert orders.follower.counters.compacted == 1


async def test_a_new_database_is_a_new_history(lab: Lab, orders: Orders) -> None:
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.follower.counters.heartbeats > 0)
    before = orders.reader.status()
    for file in lab.folder.glob("products.db*"):
        file.unlink()
    lab.clock.advance(1.0)
    lab.fill(["1"], [WantedGrant("eve", "1", 0, None)])
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.reader.status().epoch > before.epoch)
            assert orders.reader.grants("ada", ["1"]) == {}
            assert set(orders.reader.grants("eve", ["1"])) == {"1"}


async def test_a_database_of_the_past_is_not_adopted(lab: Lab, orders: Orders) -> None:
    backup = {file: file.read_bytes() for file in lab.folder.glob("products.db*")}
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            revision = await products.revoke("ada", "1")
            assert await orders.granted("ada", "1", revision=revision) == set()
    for file in lab.folder.glob("products.db*"):
        file.unlink()
    for file, content in backup.items():
        file.write_bytes(content)
    async with lab.service() as products:
        orders.connect(products)
        async with following(orders):
            await until(lambda: orders.follower.counters.ignored[Why.SHORTER] > 0)
    assert orders.reader.grants("ada", ["1"]) == {}
    assert orders.reader.revision == revision


async def test_the_direct_call_asks_the_same_service(lab: Lab, orders: Orders) -> None:
    async with lab.service() as products:
        client = orders.connect(products)
        resolver = DirectCallResolver(client, AnswerCache(CacheLimits(), lab.clock))
        found = await resolver.resolve(AccessQuery("ada", ["1", "2"], 0, (), (), 5.0))
        assert set(found) == {"1"}
        revision = await products.grant("ada", "2")
        query = AccessQuery("ada", ["1", "2"], revision, (), (), 5.0)
        assert set(await resolver.resolve(query)) == {"1", "2"}
        assert found["1"].revision < revision
        await client.close()
