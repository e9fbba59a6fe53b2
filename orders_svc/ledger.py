"""The durable list of orders, in SQL. Blocking; `orders_svc.store` is its face to the event loop.

Orders are only ever added, each with its lines in one transaction, so that reads need none.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from orders_svc.database import ORDER_LINES, ORDERS, Engines, set_up
from orders_svc.insertion import insert_in_postgresql, insert_in_sqlite
from orders_svc.orders import NewOrder, Order, OrderPage, PlacedLine
from waybill.errors import OrderNotFound, RequestIdReused
from waybill.serving.sql import repeated, storage_errors


def _new_order_id() -> str:
    return str(uuid.uuid4())


class Ledger:
    """Orders in a database of SQLite or PostgreSQL.

    `append` belongs to one thread; the rest to any. Several processes may have ledgers on the same
    database.
    """

    def __init__(
        self,
        engines: Engines,
        *,
        clock: Callable[[], float] = time.time,
        new_order_id: Callable[[], str] = _new_order_id,
    ) -> None:
        self._engines = engines
        self._insert = insert_in_sqlite if engines.sqlite else insert_in_postgresql
        self._clock = clock
        self._new_order_id = new_order_id

    @classmethod
    def open(
        cls,
        url: str,
        *,
        clock: Callable[[], float] = time.time,
        timeout_s: float = 5.0,
        create: bool = True,
    ) -> "Ledger":
        """A ledger on the database at `url`.

        Args:
            url: as SQLAlchemy takes it.
            clock: seconds since the Unix epoch.
            timeout_s: how long a transaction waits, and PostgreSQL may take for one statement.
            create: whether to make missing tables.

        Raises:
            StorageUnavailable: the database cannot be opened, or lacks the tables.
        """
        engines = Engines.open(url, timeout_s)
        try:
            with storage_errors():
                set_up(engines, create=create)
        except BaseException:
            engines.close()
            raise
        return cls(engines, clock=clock)

    def close(self) -> None:
        """Close all connections."""
        self._engines.close()

    def append(self, group: Sequence[NewOrder]) -> list[Order | Exception]:
        """Make `group` durable in one transaction.

        Returns:
            For each new order, in their order: the durable order, which is an earlier one where
            the request is a repeated one; or `RequestIdReused`.

        Raises:
            StorageUnavailable: nothing of the group is durable, as far as is known.
        """
        return repeated(partial(self._append, group))

    def _append(self, group: Sequence[NewOrder]) -> list[Order | Exception]:
        wanted = [self._accepted(new) for new in group]
        with storage_errors(), self._engines.writer.begin() as connection:
            added = self._insert(connection, group, wanted)
            return [
                order if order.order_id in added else _repeated(connection, new)
                for new, order in zip(group, wanted, strict=True)
            ]

    def recall(self, subject: str, request_id: str, fingerprint: bytes) -> Order | None:
        """The order that `subject` placed with `request_id`, if any.

        Raises:
            RequestIdReused: it is of another content than `fingerprint`.
            StorageUnavailable: the database does not answer.
        """
        with storage_errors(), self._engines.reader.connect() as connection:
            outcome = _earlier(connection, subject, request_id, fingerprint)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def get(self, subject: str, order_id: str) -> Order:
        """One of `subject`'s own orders.

        Raises:
            OrderNotFound: there is none, or it is another's; nobody can tell which.
            StorageUnavailable: the database does not answer.
        """
        query = select(ORDERS).where(ORDERS.c.order_id == order_id, ORDERS.c.subject == subject)
        with storage_errors(), self._engines.reader.connect() as connection:
            found = _with_lines(connection, connection.execute(query).all())
        if not found:
            raise OrderNotFound
        return found[0]

    def page(self, subject: str, size: int, before: int | None) -> OrderPage:
        """At most `size` of `subject`'s orders, newest first, from those older than `before`.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with storage_errors(), self._engines.reader.connect() as connection:
            rows = connection.execute(_newest(subject, size + 1, before)).all()
            orders = _with_lines(connection, rows[:size])
        return OrderPage(tuple(orders), rows[size - 1].number if len(rows) > size else None)

    def ping(self) -> None:
        """Read something.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with storage_errors(), self._engines.reader.connect() as connection:
            connection.execute(select(ORDERS.c.number).limit(1))

    def _accepted(self, new: NewOrder) -> Order:
        return Order(
            order_id=self._new_order_id(),
            subject=new.subject,
            request_id=new.request_id,
            strategy=new.strategy,
            create_time_us=int(self._clock() * 1_000_000),
            lines=new.lines,
        )


def _repeated(connection: Connection, new: NewOrder) -> Order | RequestIdReused:
    """What became of a new order whose place was taken."""
    outcome = _earlier(connection, new.subject, new.request_id, new.fingerprint)
    assert outcome is not None, "the insertion found it, and orders are never deleted"
    return outcome


def _earlier(
    connection: Connection, subject: str, request_id: str, fingerprint: bytes
) -> Order | RequestIdReused | None:
    query = select(ORDERS).where(ORDERS.c.subject == subject, ORDERS.c.request_id == request_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        return RequestIdReused()
    return _with_lines(connection, [row])[0]


def _newest(subject: str, limit: int, before: int | None) -> Select[Any]:
    query = select(ORDERS).where(ORDERS.c.subject == subject)
    if before is not None:
        query = query.where(ORDERS.c.number < before)
    return query.order_by(ORDERS.c.number.desc()).limit(limit)


def _with_lines(connection: Connection, rows: Sequence[Row[Any]]) -> list[Order]:
    if not rows:
        return []
    query = (
        select(ORDER_LINES)
        .where(ORDER_LINES.c.order_id.in_([row.order_id for row in rows]))
        .order_by(ORDER_LINES.c.order_id, ORDER_LINES.c.position)
    )
    lines: dict[str, list[PlacedLine]] = defaultdict(list)
    for row in connection.execute(query):
        lines[row.order_id].append(
            PlacedLine(row.product_id, row.quantity, row.unit_price_micros, row.revision)
        )
    return [
        Order(
            order_id=row.order_id,
            subject=row.subject,
            request_id=row.request_id,
            strategy=row.strategy,
            create_time_us=row.create_time_us,
            lines=tuple(lines[row.order_id]),
        )
        for row in rows
    ]
