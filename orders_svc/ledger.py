"""The durable list of orders, in SQL. Blocking; `orders_svc.store` is its face to the event loop.

Orders are only ever added, each with its lines in one transaction, so that reads need none.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orders_svc.database import ORDER_LINES, ORDERS, open_reader, open_writer
from orders_svc.orders import NewOrder, Order, OrderPage, PlacedLine
from waybill.errors import OrderNotFound, RequestIdReused, StorageUnavailable

# An order whose request id is taken is passed over by the insertion itself. Asking for a group's
# request ids first would need a search by pairs of columns, for which SQLite uses no index.
_INSERT_ORDERS = sqlite_insert(ORDERS).on_conflict_do_nothing(
    index_elements=[ORDERS.c.subject, ORDERS.c.request_id]
)


def _new_order_id() -> str:
    return str(uuid.uuid4())


class Ledger:
    """Orders in an SQLite database. `append` belongs to one thread; the rest to any.

    Several processes may have ledgers on the same database.
    """

    def __init__(
        self,
        writer: Engine,
        reader: Engine,
        *,
        clock: Callable[[], float] = time.time,
        new_order_id: Callable[[], str] = _new_order_id,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._new_order_id = new_order_id

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> "Ledger":
        """A ledger on the SQLite database at `url`; makes missing tables.

        Raises:
            StorageUnavailable: the database cannot be opened.
        """
        with _storage_errors():
            return cls(open_writer(url), open_reader(url), clock=clock)

    def close(self) -> None:
        """Close all connections."""
        self._writer.dispose()
        self._reader.dispose()

    def append(self, group: Sequence[NewOrder]) -> list[Order | Exception]:
        """Make `group` durable in one transaction.

        Returns:
            For each new order, in their order: the durable order, which is an earlier one where
            the request is a repeated one; or `RequestIdReused`.

        Raises:
            StorageUnavailable: nothing of the group is durable, as far as is known.
        """
        wanted = [self._accepted(new) for new in group]
        with _storage_errors(), self._writer.begin() as connection:
            added = _insert(connection, group, wanted)
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
        with _storage_errors(), self._reader.connect() as connection:
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
        with _storage_errors(), self._reader.connect() as connection:
            found = _with_lines(connection, connection.execute(query).all())
        if not found:
            raise OrderNotFound
        return found[0]

    def page(self, subject: str, size: int, before: int | None) -> OrderPage:
        """At most `size` of `subject`'s orders, newest first, from those older than `before`.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with _storage_errors(), self._reader.connect() as connection:
            rows = connection.execute(_newest(subject, size + 1, before)).all()
            orders = _with_lines(connection, rows[:size])
        return OrderPage(tuple(orders), rows[size - 1].number if len(rows) > size else None)

    def ping(self) -> None:
        """Read something.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with _storage_errors(), self._reader.connect() as connection:
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


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Tell a database that fails from a statement that the database rejects."""
    try:
        yield
    except (IntegrityError, DataError):
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise StorageUnavailable(str(error)) from error


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


def _insert(
    connection: Connection, group: Sequence[NewOrder], wanted: Sequence[Order]
) -> Container[str]:
    """Insert those of `wanted` whose request ids are new; the order ids of these."""
    rows = [_order_row(new, order) for new, order in zip(group, wanted, strict=True)]
    taken = connection.execute(_INSERT_ORDERS, rows).rowcount < len(rows)
    added = _existing(connection, wanted) if taken else {order.order_id for order in wanted}
    lines = [row for order in wanted if order.order_id in added for row in _line_rows(order)]
    if lines:
        connection.execute(insert(ORDER_LINES), lines)
    return added


def _existing(connection: Connection, orders: Sequence[Order]) -> set[str]:
    ids = [order.order_id for order in orders]
    query = select(ORDERS.c.order_id).where(ORDERS.c.order_id.in_(ids))
    return set(connection.execute(query).scalars())


def _order_row(new: NewOrder, order: Order) -> dict[str, object]:
    return {
        "order_id": order.order_id,
        "subject": order.subject,
        "request_id": order.request_id,
        "fingerprint": new.fingerprint,
        "strategy": order.strategy,
        "create_time_us": order.create_time_us,
    }


def _line_rows(order: Order) -> Iterator[dict[str, object]]:
    for position, line in enumerate(order.lines):
        yield {
            "order_id": order.order_id,
            "position": position,
            "product_id": line.product_id,
            "quantity": line.quantity,
            "unit_price_micros": line.unit_price_micros,
            "revision": line.revision,
        }
