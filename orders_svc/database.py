"""The tables of orders, and engines set up so that a commit is durable."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    make_url,
)

from waybill.errors import StorageUnavailable
from waybill.serving import postgresql

CONNECTIONS = 6
"""Most at a time to PostgreSQL: the writer's, one for each reading thread, and one more."""

_CREATING = 0x6F72_6465  # what creating takes turns by; any number that is only ours

METADATA = MetaData()

ORDERS = Table(
    "orders",
    METADATA,
    # Rises: an order that is placed when another is acknowledged has a higher one. Pages are cut by
    # it. In SQLite only a plain INTEGER is the row id itself.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("order_id", String(64), nullable=False, unique=True),
    Column("subject", String(128), nullable=False),
    Column("request_id", String(64), nullable=False),
    # Tells a repeated request from a different one under the same request id.
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("strategy", String(32), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    UniqueConstraint("subject", "request_id"),
    Index("orders_newest", "subject", "number"),
)

ORDER_LINES = Table(
    "order_lines",
    METADATA,
    Column("order_id", ForeignKey("orders.order_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("product_id", String(64), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_micros", BigInteger),
    Column("revision", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Engines:
    """Where orders are written, and where they are read."""

    writer: Engine
    """Every transaction of it is durable once committed."""
    reader: Engine
    """For single statements that change nothing."""

    @classmethod
    def open(cls, url: str, timeout_s: float) -> "Engines":
        """Engines on the database at `url`, which wait `timeout_s` at most.

        Raises:
            ExtraMissing: the driver is not installed.
        """
        if make_url(url).get_backend_name() == "sqlite":
            timeout_ms = int(timeout_s * 1000)
            return cls(_sqlite_writer(url, timeout_ms), _sqlite_reader(url, timeout_ms))
        pool = postgresql.open_engine(
            url, connections=CONNECTIONS, wait_s=timeout_s, statement_s=timeout_s
        )
        return cls(
            pool.execution_options(isolation_level="READ COMMITTED"),
            pool.execution_options(isolation_level="AUTOCOMMIT"),
        )

    @property
    def sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.writer.dialect.name == "sqlite"

    def close(self) -> None:
        """Close all connections."""
        self.writer.dispose()
        self.reader.dispose()


def set_up(engines: Engines, *, create: bool) -> None:
    """Make missing tables. Any number of processes may do so at once.

    Raises:
        StorageUnavailable: without `create`, some are missing.
    """
    with engines.writer.begin() as connection:  # in SQLite that takes the write lock
        if not engines.sqlite:
            postgresql.alone(connection, _CREATING)
        missing = METADATA.tables.keys() - set(inspect(connection).get_table_names())
        if missing and not create:
            raise StorageUnavailable(
                f"database: it lacks the tables {', '.join(sorted(missing))}; restore it, or let "
                "them be made with ORDERS_DATABASE_CREATE=true"
            )
        METADATA.create_all(connection)


def _sqlite_writer(url: str, timeout_ms: int) -> Engine:
    """An engine whose every transaction is durable once committed.

    A write-ahead log, so that readers and the writer don't wait for each other;
    `synchronous=FULL`, so that the log is on disk before a commit returns; and `BEGIN IMMEDIATE`,
    so that a transaction holds the write lock before its first read, and processes take turns.
    """
    engine = create_engine(url)
    wanted = (f"busy_timeout={timeout_ms}", "journal_mode=WAL", "synchronous=FULL")
    event.listen(engine, "connect", partial(_set_up_writer, wanted))
    event.listen(engine, "begin", _begin)
    return engine


def _sqlite_reader(url: str, timeout_ms: int) -> Engine:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    wanted = (f"busy_timeout={timeout_ms}", "query_only=ON")
    event.listen(engine, "connect", partial(_set_up_reader, wanted))
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_up_writer(wanted: Sequence[str], connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would be a deferred one
    _set_up_reader(wanted, connection, record)


def _set_up_reader(wanted: Sequence[str], connection: Any, _record: object) -> None:
    for setting in wanted:
        connection.execute(f"PRAGMA {setting}").close()
