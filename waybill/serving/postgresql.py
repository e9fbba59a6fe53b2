"""PostgreSQL as services use it: durable, bounded in time, and the same database throughout.

A database that is dropped and made anew, or restored elsewhere, answers at the same address. What a
process knows then never happened there, so a process stays with the database that it began with:
connections to any other are refused until it is restarted.
"""

import math
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError

from waybill.errors import StorageUnavailable
from waybill.extras import needing

DRIVER = "postgresql+psycopg"
SETTING = r"postgresql(\+psycopg)?://."
"""What a URL of such a database begins with."""

IDLE_S = 30.0
"""How long a transaction may rest before the server takes its client for gone."""

_PLACE = """
(SELECT system_identifier FROM pg_control_system())
|| '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# One statement, so that a connection costs one round trip more. An acknowledged commit is on disk
# whatever the role's default is; nobody waits for ever; and a transaction whose client has vanished
# gives its locks back.
_SET_UP = f"""
SELECT set_config('synchronous_commit', 'on', false),
  set_config('statement_timeout', %(statement_ms)s, false),
  set_config('lock_timeout', %(wait_ms)s, false),
  set_config('idle_in_transaction_session_timeout', %(idle_ms)s, false),
  set_config('tcp_keepalives_idle', '30', false),
  set_config('tcp_keepalives_interval', '10', false),
  set_config('tcp_keepalives_count', '3', false),
  {_PLACE}, current_setting('fsync')
"""
_REST = text("SET LOCAL idle_in_transaction_session_timeout = 0")
_ALONE = text("SELECT pg_advisory_xact_lock(:key)")
# The file that is written to now begins with the time line; the control file tells it later.
_ORIGIN = text(f"SELECT {_PLACE} || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)")


def open_engine(
    url: str, *, connections: int, wait_s: float, statement_s: float | None = None
) -> Engine:
    """A pool of connections, each looked at before use: a server that restarted is found again.

    Args:
        url: `postgresql://…`, as SQLAlchemy and libpq take it; with several hosts the one that
            takes writes is chosen.
        connections: most connections at a time.
        wait_s: how long to wait for a connection, or for another transaction.
        statement_s: how long a statement may take; None for ever, and for transactions that may
            rest for ever.

    Raises:
        ExtraMissing: the driver is not installed.
    """
    with needing("postgresql"):
        engine = create_engine(
            make_url(url).set(drivername=DRIVER),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=wait_s,
            pool_pre_ping=True,
            connect_args=_connect_args(wait_s),
        )
    event.listen(engine, "connect", _SetUp(wait_s, statement_s))
    return engine


def rest(connection: Connection) -> None:
    """Let this transaction rest between its statements for as long as it likes."""
    connection.execute(_REST)


def alone(connection: Connection, key: int) -> None:
    """Wait until no other transaction is here with the same `key`; to its end others wait."""
    connection.execute(_ALONE, {"key": key})


def copy(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Iterable[object]]
) -> None:
    """Put `rows` into `table` by COPY, inside of the connection's transaction.

    Names are those of our own tables, and are not quoted.

    Raises:
        sqlalchemy.exc.DBAPIError: as a statement would.
    """
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    dialect = connection.dialect
    assert dialect.dbapi is not None, "there is a connection"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as into:
            for row in rows:
                into.write_row(tuple(row))
    except dialect.dbapi.Error as error:
        raise DBAPIError.instance(
            statement, None, error, dialect.dbapi.Error, dialect=dialect
        ) from error


def origin(connection: Connection) -> str:
    """Which database this is, and on which of its time lines.

    Another one answers after a dump was restored, and after a standby or a backup took over: a
    history may have lost its end there.
    """
    return str(connection.scalar(_ORIGIN))


def _connect_args(wait_s: float) -> dict[str, Any]:
    """What libpq is told (https://www.postgresql.org/docs/current/libpq-connect.html).

    A peer that vanished without a word is given up after `wait_s`.
    """
    return {
        "connect_timeout": max(2, math.ceil(wait_s)),  # libpq's least
        "tcp_user_timeout": math.ceil(wait_s * 1000),
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "target_session_attrs": "read-write",
        "client_encoding": "utf8",
    }


class _SetUp:
    """Sets up each new connection of an engine, and refuses those to another database."""

    def __init__(self, wait_s: float, statement_s: float | None) -> None:
        self._values = {
            "wait_ms": str(math.ceil(wait_s * 1000)),
            "statement_ms": str(math.ceil((statement_s or 0) * 1000)),
            "idle_ms": str(int(IDLE_S * 1000) if statement_s else 0),
        }
        self._place: str | None = None
        self._lock = Lock()

    def __call__(self, connection: Any, _record: object) -> None:
        try:
            *_, place, fsync = connection.execute(_SET_UP, self._values).fetchone()
            connection.commit()  # or the settings would go with the transaction
            self._require(place, fsync)
        except BaseException:
            connection.close()
            raise

    def _require(self, place: str, fsync: str) -> None:
        if fsync != "on":
            raise StorageUnavailable("database: it runs with fsync=off and may lose commits")
        with self._lock:
            self._place = self._place or place
        if place != self._place:
            raise StorageUnavailable(
                "database: another one answers than this process began with; it was made anew or"
                " restored. If that is meant, restart the service"
            )
