"""What all tests share."""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from loadtest.nats import NatsServer
from loadtest.postgres import PostgresServer, installed
from loadtest.processes import StartFailed
from loadtest.valkey import ValkeyServer
from tests.simulation.scratch import VARIABLE
from tests.valkey_cluster import Cluster, running_cluster

NewDatabase = Callable[[], str]
"""Makes an empty database, and gives its URL."""

# What a shell starts in the background ignores Ctrl-C, and so does all that it starts: tests that
# press it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine must not fail a property: speed is measured by `make bench`, never in tests.
settings.register_profile("waybill", deadline=None)
settings.load_profile("waybill")

# One for the whole run: set before the processes of a distributed one begin, and inherited.
os.environ.setdefault(VARIABLE, str(secrets.randbelow(10**9)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed of the run, to play the same histories again; said also in a quiet run."""
    terminalreporter.write_line(f"seed of the played histories: {VARIABLE}={os.environ[VARIABLE]}")


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server for all tests of this process; each test takes a key prefix of its own."""
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of Valkey for all tests of this process; each test takes a prefix of its own."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), "any") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server for all tests of this process; each test takes a stream of its own."""
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server.url


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests of this process, which they leave as it is."""
    with new_postgres() as server:
        yield server


def new_postgres(**options: str) -> PostgresServer:
    """A server, not started yet, for a test that stops or changes it."""
    try:
        installed()
    except StartFailed as missing:
        pytest.fail(str(missing), pytrace=False)
    return PostgresServer(**options)


@pytest.fixture(scope="session")
def new_schema(postgres: PostgresServer) -> Iterator[NewDatabase]:
    """Makes schemas of their own: they cost far less than databases."""
    names = map("test_{}".format, count())
    with psycopg.connect(postgres.url(), autocommit=True) as connection:

        def make() -> str:
            name = next(names)
            connection.execute(f"CREATE SCHEMA {name}".encode())
            return f"{postgres.url()}?options=-csearch_path%3D{name}"

        yield make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.engines)])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> NewDatabase:
    """Makes empty databases of each engine in turn."""
    if request.param == "postgresql":
        make: NewDatabase = request.getfixturevalue("new_schema")
        return make
    names = map("database-{}.db".format, count())
    return lambda: f"sqlite:///{tmp_path / next(names)}"
