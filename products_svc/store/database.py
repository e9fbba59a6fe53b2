"""One way in for reading and one for writing, each a transaction of its own.

A read transaction sees one consistent state and blocks no writer. A write transaction is alone:
SQLite takes its write lock at the start (BEGIN IMMEDIATE, so that no transaction fails half-way
for want of it), other databases lock the row that holds the revision.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url

from products_svc.store.commits import AlwaysChanged, Commits, SqliteCommits
from waybill.errors import StorageUnavailable

_BEGIN = "waybill_begin"
_OUR_OWN_FAULTS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)


class Database:
    """A pool of connections to the database at `url`. Thread-safe.

    Args:
        url: an SQLAlchemy database URL.
        connections: most connections at a time.
        busy_timeout_s: how long a transaction waits for a connection or for another writer.
    """

    def __init__(self, url: str, *, connections: int = 12, busy_timeout_s: float = 5.0) -> None:
        self._engine = _engine(url, connections, busy_timeout_s)
        snapshot = {} if self._sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reads = self._engine.execution_options(**{_BEGIN: "BEGIN"}, **snapshot)
        self._writes = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})

    @property
    def _sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one consistent state.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with translated(), self._reads.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at its end, or leaves nothing behind on an exception.

        Raises:
            StorageUnavailable: the database does not answer, or stayed locked.
        """
        with translated(), self._writes.connect() as connection, connection.begin():
            yield connection

    def commits(self) -> Commits:
        """What notices commits; close it before this."""
        path = self._engine.url.database or ":memory:"
        plain = self._sqlite and not path.startswith((":memory:", "file:"))
        return SqliteCommits(path) if plain else AlwaysChanged()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's exceptions into ours; a mistake in our own statements stays one."""
    try:
        yield
    except _OUR_OWN_FAULTS:
        raise
    except exc.DBAPIError as error:
        raise StorageUnavailable(f"database: {error.orig}") from error
    except exc.TimeoutError as error:
        raise StorageUnavailable("database: no free connection") from error


def _engine(url: str, connections: int, busy_timeout_s: float) -> Engine:
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_timeout_s,
        pool_pre_ping=not sqlite,
    )
    if sqlite:
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
