"""Puts many rows into a table at once, in the way that suits the database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert

from waybill.serving import postgresql

COPIED = 100
"""Rows from which PostgreSQL's COPY pays for its round trip more."""

Rows = Sequence[Mapping[str, Any]]


def add(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert `rows`, which all have the same columns; no rows are no statement.

    Raises:
        sqlalchemy.exc.DBAPIError: as any statement.
    """
    if len(rows) >= COPIED and connection.dialect.name == "postgresql":
        postgresql.copy(connection, table.name, list(rows[0]), (row.values() for row in rows))
    elif rows:
        connection.execute(insert(table), rows)
