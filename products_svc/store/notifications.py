"""Commits on PostgreSQL, told by the server: NOTIFY at a commit, LISTEN where it is waited for."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, func, select

from waybill.errors import StorageUnavailable
from waybill.serving.sql import storage_errors

CHANNEL = "waybill_changes"
RETRY_S = 1.0
"""Time between two attempts to listen again."""


def announce(connection: Connection) -> None:
    """Tell all who listen, once this transaction is committed. Nothing where nobody can."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))


def listening(engine: Engine) -> PoolProxiedConnection:
    """A connection of the pool that is never given back: it is closed in the end.

    Raises:
        StorageUnavailable: the server went away meanwhile.
    """
    connection: PoolProxiedConnection | None = None
    try:
        # Unlike `connect`, it lets the driver's errors through as they are.
        connection = engine.raw_connection()
        driver: Any = connection.dbapi_connection
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
    except engine.dialect.loaded_dbapi.Error as error:
        if connection is not None:
            connection.invalidate()
        raise StorageUnavailable(str(error)) from error
    return connection


class NotifiedCommits:
    """Looks at what the server has sent, on a connection that is kept for it.

    That is one look at a socket: no question to the server, and no waiting. While there is no such
    connection, everything may have changed; a thread makes one. One that died unnoticed is found by
    TCP within seconds, and until then by whoever looks at the history for another reason.

    `changed` belongs to one thread.
    """

    def __init__(
        self, engine: Engine, begin: Callable[[Engine], PoolProxiedConnection] = listening
    ) -> None:
        """`begin` makes the connection that listens."""
        self._engine = engine
        self._begin = begin
        self._connection: PoolProxiedConnection | None = None
        self._found: PoolProxiedConnection | None = None
        self._thread: Thread | None = None
        self._closed = Event()

    def changed(self) -> bool:
        if self._connection is None:
            self._connection = self._sought()
            return True  # also with a new one, for what was committed before it listened
        try:
            return _told(self._connection)
        except self._engine.dialect.loaded_dbapi.Error:
            self._drop()
            return True

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
            self._connection = self._connection or self._taken()
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()

    def _sought(self) -> PoolProxiedConnection | None:
        """The connection of the thread that has ended; another one is sent where it has none."""
        if self._thread is not None and self._thread.is_alive():
            return None
        found = self._taken()
        if found is None:
            self._thread = Thread(target=self._listen, name="store-listen", daemon=True)
            self._thread.start()
        return found

    def _taken(self) -> PoolProxiedConnection | None:
        found, self._found = self._found, None
        return found

    def _listen(self) -> None:
        """Make the connection, or rest before the next attempt."""
        try:
            with storage_errors():
                self._found = self._begin(self._engine)
        except StorageUnavailable:
            self._closed.wait(RETRY_S)


def _told(connection: PoolProxiedConnection) -> bool:
    """Whether something has been announced; takes it in."""
    driver: Any = connection.dbapi_connection
    driver.pgconn.consume_input()
    told = False
    while driver.pgconn.notifies() is not None:
        told = True
    return told
