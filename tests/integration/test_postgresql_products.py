"""Products on a PostgreSQL server that restarts, crashes, freezes, or comes back as another."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event

import grpc
import psutil
import psycopg
import pytest
from sqlalchemy import Engine, PoolProxiedConnection, text

from loadtest.postgres import PostgresServer
from products_svc.bootstrap import database_check, open_database
from products_svc.store import bulk, reads
from products_svc.store.bulk import COPIED
from products_svc.store.commits import Commits
from products_svc.store.database import Database
from products_svc.store.notifications import NotifiedCommits, listening
from products_svc.store.schema import UnfitDatabase, prepare, renew_history
from products_svc.store.store import Store
from products_svc.store.tables import products
from products_svc.store.values import Product, WantedGrant
from products_svc.store.writer import UnknownProducts, Writer
from tests.conftest import new_postgres
from tests.products_kit import Lab, Service, refusal
from waybill.errors import StorageUnavailable
from waybill.extras import ExtraMissing
from waybill.serving.postgresql import open_engine
from waybill.testing import FakeClock

pytestmark = pytest.mark.engines

NAMES = map("shop_{}".format, count())
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with new_postgres() as server:
        yield server


@pytest.fixture
def name(server: PostgresServer) -> str:
    """A database of its own."""
    name = next(NAMES)
    server.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def lab(server: PostgresServer, name: str, tmp_path: Path) -> Lab:
    lab = Lab(tmp_path, server.url(name))
    lab.fill(["a", "b", "c"], [WantedGrant("alice", "a")])
    return lab


@pytest.fixture
async def service(lab: Lab) -> AsyncIterator[Service]:
    async with lab.service(database_timeout_s=2) as service:
        yield service


async def assert_unavailable(service: Service) -> None:
    """Nothing is told and nothing is written."""
    for call in (service.listing(), service.grant("alice", "b"), service.watch().read()):
        refused = await refusal(call)
        assert refused.reason == StorageUnavailable.reason
        assert refused.code is grpc.StatusCode.UNAVAILABLE


async def assert_all_is_well(service: Service) -> None:
    """What was granted is there, and more can be."""
    revision = (await service.listing()).revision
    assert await service.grant("alice", f"{'bc'[revision - 1]}") == revision + 1
    message = await service.watch().read()
    assert message.snapshot_start.revision == revision + 1


@pytest.mark.parametrize("end", [PostgresServer.stop, PostgresServer.kill])
async def test_while_the_server_is_away_nothing_is_told_and_after_it_all_is_well(
    service: Service, server: PostgresServer, end: Callable[[PostgresServer], None]
) -> None:
    await assert_all_is_well(service)
    watcher = service.watch()
    await watcher.read()
    await asyncio.to_thread(end, server)
    try:
        await assert_unavailable(service)
        assert (await refusal(exhausted(watcher))).reason == StorageUnavailable.reason
    finally:
        await asyncio.to_thread(server.start_again)
    await assert_all_is_well(service)


async def exhausted(stream: grpc.aio.UnaryStreamCall) -> None:  # type: ignore[type-arg]
    while await stream.read() is not grpc.aio.EOF:
        pass


async def test_connections_that_were_cut_are_made_again(
    service: Service, server: PostgresServer
) -> None:
    await assert_all_is_well(service)
    server.execute(CUT)
    await assert_all_is_well(service)


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """The server's processes stand still: connections stay, and nothing answers."""
    processes = psutil.Process(server.pid).children(recursive=True)
    pids = [server.pid, *(each.pid for each in processes)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_a_server_that_does_not_answer_is_not_waited_for(
    lab: Lab, server: PostgresServer
) -> None:
    async with lab.service(database_timeout_s=0.5) as service:
        await service.listing()
        with frozen(server):
            await assert_unavailable(service)
        await assert_all_is_well(service)


async def test_an_emptied_database_is_not_taken_for_a_new_one(
    service: Service, server: PostgresServer, name: str
) -> None:
    server.execute("TRUNCATE meta", database=name)
    await assert_unavailable(service)
    server.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", database=name)
    await assert_unavailable(service)
    with psycopg.connect(server.url(name)) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,), "nothing was made anew"


async def test_health_tells_that_the_tables_are_gone(
    lab: Lab, server: PostgresServer, name: str
) -> None:
    settings = lab.settings()
    store = Store(open_database(settings, lab.clock), lab.clock, 1000)
    check = database_check(store)
    assert await check() is None
    server.execute("DROP TABLE meta", database=name)
    assert "emptied or replaced" in str(await check())
    store.close()


async def test_a_database_made_anew_at_the_same_address_is_refused(
    service: Service, lab: Lab, server: PostgresServer, name: str
) -> None:
    await assert_all_is_well(service)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    await assert_unavailable(service)
    lab.clock.advance(60)
    lab.fill(["a"])  # another process took it for a new one
    await assert_unavailable(service)
    async with lab.service() as restarted:
        assert not (await restarted.listing()).products


async def test_an_older_history_is_refused_until_it_has_a_new_epoch(
    service: Service, lab: Lab, server: PostgresServer, name: str
) -> None:
    await service.grant("alice", "b")
    server.execute(
        "DELETE FROM grants WHERE revision = 2",
        "DELETE FROM changes WHERE revision = 2",
        "UPDATE meta SET revision = 1",
        database=name,
    )
    await assert_unavailable(service)
    database = lab.database()
    epoch = renew_history(database, lab.clock)
    database.close()
    assert [each.product_id for each in (await service.listing()).products] == ["a"]
    message = await service.watch(epoch - 1, 2).read()
    assert (message.epoch, message.snapshot_start.revision) == (epoch, 1)


async def test_a_standby_is_refused_until_it_takes_over_and_a_start_begins_a_new_epoch(
    service: Service, lab: Lab, server: PostgresServer
) -> None:
    await assert_all_is_well(service)
    before = position_epoch(lab.database_url)
    await asyncio.to_thread(server.stop)
    (server.data / "standby.signal").touch()
    await asyncio.to_thread(server.start_again)
    await assert_unavailable(service)
    server.execute("SELECT pg_promote()")
    await assert_all_is_well(service)
    assert position_epoch(lab.database_url) == before
    open_database(lab.settings(), lab.clock).close()
    assert position_epoch(lab.database_url) == before + 1


def test_a_history_that_was_copied_begins_anew(lab: Lab, server: PostgresServer, name: str) -> None:
    server.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    before = position_epoch(server.url(name))
    database = Database(server.url(f"{name}_copy"))
    assert prepare(database, lab.clock, None)
    assert not prepare(database, lab.clock, None), "once"
    database.close()
    assert position_epoch(server.url(f"{name}_copy")) == before + 1
    assert position_epoch(server.url(name)) == before


def position_epoch(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT epoch FROM meta").fetchone()
    assert row is not None
    return int(row[0])


def test_an_empty_database_is_refused_where_none_may_be_created(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    lab = Lab(tmp_path, server.url(name))
    with pytest.raises(UnfitDatabase, match="PRODUCTS_DATABASE_CREATE"):
        open_database(lab.settings(database_create=False), lab.clock)
    lab.fill(["a"])
    open_database(lab.settings(database_create=False), lab.clock).close()
    server.execute("DROP TABLE changes", database=name)
    with pytest.raises(UnfitDatabase, match="lacks the tables changes"):
        open_database(lab.settings(database_create=False), lab.clock)


async def test_a_role_that_may_not_change_the_schema_is_enough(
    lab: Lab, server: PostgresServer, name: str
) -> None:
    role = f"{name}_products"
    server.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        database=name,
    )
    lab.database_url = server.url(name, login=f"{role}:secret")
    async with lab.service() as service:
        await assert_all_is_well(service)


def test_commits_are_durable_whatever_the_roles_default_is(
    server: PostgresServer, lab: Lab, name: str
) -> None:
    server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = lab.database()
    with database.writing() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    database.close()


def test_a_server_that_may_lose_commits_is_refused(server: PostgresServer, lab: Lab) -> None:
    server.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    try:
        with pytest.raises(StorageUnavailable, match="fsync=off"):
            lab.database()
    finally:
        server.execute("ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")


def test_as_many_products_as_a_request_may_name(lab: Lab) -> None:
    ids = [f"p{number:05d}" for number in range(10_000)]
    database = lab.database()
    with database.writing() as connection:
        writer = Writer(connection, FakeClock(), 100_000)
        writer.put_products([Product(each, each, 1) for each in ids])
        writer.grant([WantedGrant("bob", each) for each in ids])
        assert writer.finish() == 1 + 10_000
    with database.writing() as connection:
        writer = Writer(connection, FakeClock(), 100_000)
        writer.revoke("bob", ids)
        assert writer.finish() == 1 + 20_000
    database.close()


def quiet(commits: Commits) -> None:
    """Wait until it listens and has heard of everything so far."""
    while commits.changed():
        pass


def told(commits: Commits) -> None:
    """Wait until it has heard of something."""
    while not commits.changed():
        pass


def test_a_connection_cut_within_a_copy_is_storage_that_does_not_answer(
    server: PostgresServer, name: str, lab: Lab
) -> None:
    row = {"display_name": "", "unit_price_micros": 1}
    rows = [row | {"product_id": f"c{number}"} for number in range(COPIED)]
    database = Database(server.url(name))

    def copied() -> None:
        with database.writing() as connection:
            connection.execute(text("SELECT 1"))
            server.execute(CUT)
            bulk.add(connection, products, rows)

    with pytest.raises(StorageUnavailable):
        copied()
    with database.reading() as connection:
        assert reads.known_products(connection, {"c0"})[0] == set()
    database.close()


def test_commits_of_anybody_are_noticed_and_nothing_else_is(
    lab: Lab, server: PostgresServer, name: str
) -> None:
    database = lab.database()
    commits = database.commits()
    quiet(commits)
    with database.reading() as connection:
        reads.position(connection)
    with pytest.raises(UnknownProducts), database.writing() as connection:
        Writer(connection, FakeClock(), 1000).grant([WantedGrant("alice", "nope")])
    server.execute("NOTIFY other", database=name)
    assert not commits.changed()
    lab.fill([], [WantedGrant("bob", "a")])
    told(commits)
    assert not commits.changed(), "once"
    commits.close()
    database.close()


def test_where_it_cannot_listen_everything_may_have_changed(
    lab: Lab, server: PostgresServer, name: str
) -> None:
    database = lab.database()
    commits = database.commits()
    assert commits.changed(), "at first nothing is known"
    quiet(commits)
    server.execute(CUT)
    told(commits)
    quiet(commits)
    lab.fill([], [WantedGrant("bob", "a")])
    told(commits)
    commits.close()
    database.close()


def test_what_was_committed_before_it_listened_is_noticed(
    lab: Lab, server: PostgresServer, name: str
) -> None:
    """By the look that finds the connection; there is one, however often it is looked."""
    committed, there = Event(), Event()
    begun: list[PoolProxiedConnection] = []

    def late(engine: Engine) -> PoolProxiedConnection:
        assert committed.wait(20)
        begun.append(listening(engine))
        there.set()
        return begun[-1]

    engine = open_engine(server.url(name), connections=2, wait_s=5.0, statement_s=None)
    commits = NotifiedCommits(engine, late)
    assert commits.changed()
    lab.fill([], [WantedGrant("bob", "a")])
    committed.set()
    assert there.wait(20)
    assert commits.changed()
    quiet(commits)
    assert len(begun) == 1
    commits.close()
    engine.dispose()


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ExtraMissing, match=r"pip install '\.\[postgresql\]'"):
        Database("postgresql://localhost/products")
