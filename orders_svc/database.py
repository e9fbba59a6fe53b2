"""The tables of orders in SQLite, and engines set up so that a commit is durable."""

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
)

_BUSY_TIMEOUT_MS = 5000
"""How long a transaction waits for another process to end its own."""

METADATA = MetaData()

ORDERS = Table(
    "orders",
    METADATA,
    # Rises in the order of commits; pages are cut by it.
    Column("number", Integer, primary_key=True),
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


def open_writer(url: str) -> Engine:
    """An engine whose every transaction is durable once committed; makes missing tables.

    A write-ahead log, so that readers and the writer don't wait for each other;
    `synchronous=FULL`, so that the log is on disk before a commit returns; and `BEGIN IMMEDIATE`,
    so that a transaction holds the write lock before its first read, and processes take turns.
    """
    engine = create_engine(url)
    event.listen(engine, "connect", _set_up_writer)
    event.listen(engine, "begin", _begin)
    with engine.begin() as connection:  # under the write lock: workers start at the same time
        METADATA.create_all(connection)
    return engine


def open_reader(url: str) -> Engine:
    """An engine for single statements that change nothing."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    event.listen(engine, "connect", _set_up_reader)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_up_writer(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would be a deferred one
    _pragmas(connection, f"busy_timeout={_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL")


def _set_up_reader(connection: Any, _record: object) -> None:
    _pragmas(connection, f"busy_timeout={_BUSY_TIMEOUT_MS}", "query_only=ON")


def _pragmas(connection: Any, *settings: str) -> None:
    for setting in settings:
        connection.execute(f"PRAGMA {setting}").close()
