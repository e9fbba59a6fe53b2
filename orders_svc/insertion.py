"""Adds new orders to the tables, passing over those whose request id is taken, for each engine.

To look the group's request ids up first would be a race.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Column, Connection, String, Table, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from orders_svc.database import ORDER_LINES, ORDERS
from orders_svc.orders import NewOrder, Order

Insert = Callable[[Connection, Sequence[NewOrder], Sequence[Order]], Container[str]]
"""Inserts those orders whose request ids are new, each with its lines; the order ids of these."""

_REQUEST = [ORDERS.c.subject, ORDERS.c.request_id]
_SQLITE_ORDERS = sqlite_insert(ORDERS).on_conflict_do_nothing(index_elements=_REQUEST)


def insert_in_sqlite(
    connection: Connection, group: Sequence[NewOrder], wanted: Sequence[Order]
) -> Container[str]:
    """One statement for the orders and one for their lines, each run for every row."""
    rows = _order_rows(group, wanted)
    taken = connection.execute(_SQLITE_ORDERS, rows).rowcount < len(rows)
    added = _existing(connection, wanted) if taken else {order.order_id for order in wanted}
    lines = [row for row in _line_rows(wanted) if row["order_id"] in added]
    if lines:
        connection.execute(insert(ORDER_LINES), lines)
    return added


def insert_in_postgresql(
    connection: Connection, group: Sequence[NewOrder], wanted: Sequence[Order]
) -> Container[str]:
    """One statement for everything, the same for groups of any size, with an array a column.

    An order with the same request id that another process has not committed yet is waited for.
    """
    arrays = _arrays(ORDERS, _order_rows(group, wanted))
    arrays |= _arrays(ORDER_LINES, list(_line_rows(wanted)))
    return set(connection.scalars(_POSTGRESQL_ALL, arrays))


def _existing(connection: Connection, orders: Sequence[Order]) -> set[str]:
    ids = [order.order_id for order in orders]
    query = select(ORDERS.c.order_id).where(ORDERS.c.order_id.in_(ids))
    return set(connection.execute(query).scalars())


def _order_rows(group: Sequence[NewOrder], wanted: Sequence[Order]) -> list[dict[str, object]]:
    return [
        {
            "order_id": order.order_id,
            "subject": order.subject,
            "request_id": order.request_id,
            "fingerprint": new.fingerprint,
            "strategy": order.strategy,
            "create_time_us": order.create_time_us,
        }
        for new, order in zip(group, wanted, strict=True)
    ]


def _line_rows(orders: Iterable[Order]) -> Iterator[dict[str, object]]:
    for order in orders:
        for position, line in enumerate(order.lines):
            yield {
                "order_id": order.order_id,
                "position": position,
                "product_id": line.product_id,
                "quantity": line.quantity,
                "unit_price_micros": line.unit_price_micros,
                "revision": line.revision,
            }


def _given(table: Table) -> list[str]:
    """The columns that a row is given; the others the database fills in."""
    return [column.name for column in table.columns if column is not ORDERS.c.number]


def _arrays(table: Table, rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {f"{table.name}_{name}": [row[name] for row in rows] for name in _given(table)}


def _unnested(table: Table) -> TableValuedAlias:
    """Rows for `table` out of one array parameter a column, in their order."""
    columns = [table.c[name] for name in _given(table)]
    arrays = [bindparam(f"{table.name}_{each.name}", type_=ARRAY(_whole(each))) for each in columns]
    return func.unnest(*arrays).table_valued(*_given(table)).render_derived(f"new_{table.name}")


def _whole(column: Column[Any]) -> TypeEngine[Any]:
    """The column's type without its length: a cast to one with a length cuts text, silently."""
    return String() if isinstance(column.type, String) else column.type


_new_orders, _new_lines = _unnested(ORDERS), _unnested(ORDER_LINES)
_added = (
    postgresql_insert(ORDERS)
    .from_select(_given(ORDERS), select(_new_orders))
    .on_conflict_do_nothing(index_elements=_REQUEST)
    .returning(ORDERS.c.order_id)
    .cte("added")
)
_lines_of_added = (
    insert(ORDER_LINES)
    .from_select(
        _given(ORDER_LINES),
        select(_new_lines).join_from(
            _new_lines, _added, _new_lines.c.order_id == _added.c.order_id
        ),
    )
    .cte("lines_of_added")
)
_POSTGRESQL_ALL = select(_added.c.order_id).add_cte(_lines_of_added)
