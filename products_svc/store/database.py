"""One way in for reading and one for writing, each a transaction of its own.

A read transaction sees one consistent state and blocks no writer. A write transaction is alone:
SQLite takes its write lock at the start (BEGIN IMMEDIATE, so that no transaction fails half-way
for want of it), PostgreSQL locks the row that holds the revision.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from products_svc.store.commits import AlwaysChanged, Commits, SqliteCommits
from products_svc.store.notifications import NotifiedCommits
from waybill.serving import postgresql
from waybill.serving.sql import storage_errors

_BEGIN = "waybill_begin"
_PREPARING = 0x7761_7962  # what preparing takes turns by; any number that is only ours


class Database:
    """A pool of connections to the database at `url`. Thread-safe.

    Args:
        url: of SQLite or PostgreSQL, as SQLAlchemy takes it.
        connections: most connections at a time.
        busy_timeout_s: how long a transaction waits for a connection or for another writer.
        statement_timeout_s: how long PostgreSQL may take for one statement; None for ever.

    Raises:
        ExtraMissing: the driver is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 12,
        busy_timeout_s: float = 5.0,
        statement_timeout_s: float | None = None,
    ) -> None:
        if make_url(url).get_backend_name() == "sqlite":
            self._engine = _sqlite_engine(url, connections, busy_timeout_s)
            reads, writes = _SQLITE_READS, _SQLITE_WRITES
        else:
            self._engine = postgresql.open_engine(
                url,
                connections=connections,
                wait_s=busy_timeout_s,
                statement_s=statement_timeout_s,
            )
            reads, writes = _POSTGRESQL_READS, _POSTGRESQL_WRITES
        self._reads = self._engine.execution_options(**reads)
        self._writes = self._engine.execution_options(**writes)

    @property
    def _sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one consistent state.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with storage_errors(), self._reads.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def copying(self) -> Iterator[Connection]:
        """As `reading`, with as much time between statements as it takes."""
        with self.reading() as connection:
            if not self._sqlite:
                postgresql.rest(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at its end, or leaves nothing behind on an exception.

        Raises:
            StorageUnavailable: the database does not answer, or stayed locked.
        """
        with storage_errors(), self._writes.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def preparing(self) -> Iterator[Connection]:
        """As `writing`, before there is a row to lock: processes take turns all the same."""
        with self.writing() as connection:
            if not self._sqlite:
                postgresql.alone(connection, _PREPARING)
            yield connection

    def origin(self, connection: Connection) -> str | None:
        """Which database of which server this is; None for a file, which can't tell."""
        return None if self._sqlite else postgresql.origin(connection)

    def commits(self) -> Commits:
        """What notices commits; close it before this."""
        if not self._sqlite:
            return NotifiedCommits(self._engine)
        path = self._engine.url.database or ":memory:"
        return AlwaysChanged() if path.startswith((":memory:", "file:")) else SqliteCommits(path)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


_SQLITE_READS: dict[str, Any] = {_BEGIN: "BEGIN"}
_SQLITE_WRITES: dict[str, Any] = {_BEGIN: "BEGIN IMMEDIATE"}
_POSTGRESQL_READS: dict[str, Any] = {
    "isolation_level": "REPEATABLE READ",
    "postgresql_readonly": True,
}
# Each statement sees what was committed before it: a writer waits for its row, then reads it.
_POSTGRESQL_WRITES: dict[str, Any] = {"isolation_level": "READ COMMITTED"}


def _sqlite_engine(url: str, connections: int, busy_timeout_s: float) -> Engine:
    parsed = make_url(url)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed, pool_size=connections, max_overflow=0, pool_timeout=busy_timeout_s
    )
    _set_up_sqlite(engine, int(busy_timeout_s * 1000))
    return engine


def _set_up_sqlite(engine: Engine, busy_timeout_ms: int) -> None:
    """Makes SQLite durable, concurrent, and ours to begin transactions in."""

    def connected(connection: SqliteConnection, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions by itself
        connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        connection.execute("PRAGMA journal_mode = WAL")  # readers and the writer don't wait
        connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
        connection.execute("PRAGMA foreign_keys = ON")

    def begun(connection: Connection) -> None:
        options: dict[str, Any] = dict(connection.get_execution_options())
        connection.exec_driver_sql(options.get(_BEGIN, "BEGIN IMMEDIATE"))

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
