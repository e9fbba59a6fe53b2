"""The ledger of orders on a PostgreSQL server that restarts, crashes, or comes back empty."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import psycopg
import pytest

from loadtest.postgres import PostgresServer
from orders_svc.ledger import Ledger
from orders_svc.orders import NewOrder, PlacedLine
from orders_svc.store import OrderStore
from tests.conftest import new_postgres
from waybill.errors import StorageUnavailable

pytestmark = pytest.mark.engines

NAMES = map("ledger_{}".format, count())


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with new_postgres(deadlock_timeout="200ms") as server:
        yield server


@pytest.fixture
def name(server: PostgresServer) -> str:
    """A database of its own."""
    name = next(NAMES)
    server.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def url(server: PostgresServer, name: str) -> str:
    return server.url(name)


def order(request_id: str) -> NewOrder:
    return NewOrder("alice", request_id, "replica", (PlacedLine("sku-1", 1, 5, 7),))


async def assert_unavailable(store: OrderStore) -> None:
    for call in (store.place(order("lost")), store.get("alice", "x"), store.page("alice", 9, None)):
        with pytest.raises(StorageUnavailable):
            await call
    assert await store.check() == StorageUnavailable.message


@pytest.mark.parametrize("end", [PostgresServer.stop, PostgresServer.kill])
async def test_what_was_acknowledged_outlives_the_server(
    server: PostgresServer, url: str, end: Callable[[PostgresServer], None]
) -> None:
    store = OrderStore(Ledger.open(url))
    placed = await asyncio.gather(*(store.place(order(f"r{n}")) for n in range(20)))
    await asyncio.to_thread(end, server)
    try:
        await assert_unavailable(store)
    finally:
        await asyncio.to_thread(server.start_again)
    placed.append(await store.place(order("after")))
    assert await store.place(order("r0")) == placed[0]
    assert await store.check() is None
    listed = (await store.page("alice", 100, None)).orders
    assert sorted(each.order_id for each in listed) == sorted(each.order_id for each in placed)
    await store.close()


async def test_a_ledger_that_comes_back_empty_is_not_taken_for_a_new_one(
    server: PostgresServer, url: str, name: str
) -> None:
    store = OrderStore(Ledger.open(url))
    await store.place(order("r0"))
    server.execute("DROP TABLE order_lines, orders", database=name)
    await assert_unavailable(store)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    await assert_unavailable(store)
    Ledger.open(url).close()  # another process took it for a new one
    await assert_unavailable(store)
    await store.close()


def test_a_group_that_loses_a_deadlock_is_tried_again(server: PostgresServer, url: str) -> None:
    ledger = Ledger.open(url)
    with ThreadPoolExecutor(1) as thread, psycopg.connect(url) as other:
        other.execute("SET deadlock_timeout = '60s'")  # so that it is the ledger that gives up
        insert_bare(other, "b")
        appended = thread.submit(ledger.append, [order("a"), order("b")])
        while not waiting(server):
            pass
        insert_bare(other, "a")  # waits for the ledger, which waits for it
        other.commit()
        outcomes = appended.result()
    assert [getattr(each, "order_id", each) for each in outcomes] == ["bare-a", "bare-b"]
    assert "deadlock detected" in server.log.read_text()
    ledger.close()


def insert_bare(connection: psycopg.Connection, request_id: str) -> None:
    """Another process's order, not committed yet."""
    connection.execute(
        "INSERT INTO orders (order_id, subject, request_id, fingerprint, strategy, create_time_us)"
        " VALUES (%s, 'alice', %s, %s, 'replica', 1)",
        (f"bare-{request_id}", request_id, order(request_id).fingerprint),
    )


def waiting(server: PostgresServer) -> bool:
    """Whether some transaction waits for another one."""
    with psycopg.connect(server.url()) as connection:
        found = connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone()
    return found is not None
