"""Rows that were found right, kept in a temporary file until all of them are, and sorted there."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from types import TracebackType

from products_svc.store.values import Product, WantedGrant

_TABLES = """
CREATE TABLE products (
    product_id TEXT PRIMARY KEY, display_name TEXT, unit_price_micros INTEGER
) WITHOUT ROWID;
CREATE TABLE grants (
    subject TEXT, product_id TEXT, max_quantity INTEGER, unit_price_micros INTEGER,
    PRIMARY KEY (subject, product_id)
) WITHOUT ROWID;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
BEGIN;
"""
"""Nothing to roll back to, nothing to survive, 64 MiB of it in memory, and never committed."""


class Spool:
    """Products and grants by key: where one repeats, the last row counts. A context manager.

    A database adds rows in the order of its keys to the end of a table, and any others one by one
    to pages all over it.
    """

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)  # temporary, and gone when closed
        self._file.executescript(_TABLES)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add_products(self, rows: Iterable[Product]) -> None:
        """Keep some more products."""
        values = [(row.product_id, row.display_name, row.unit_price_micros) for row in rows]
        self._file.executemany("REPLACE INTO products VALUES (?, ?, ?)", values)

    def add_grants(self, rows: Iterable[WantedGrant]) -> None:
        """Keep some more grants."""
        values = [
            (row.subject, row.product_id, row.max_quantity, row.unit_price_micros) for row in rows
        ]
        self._file.executemany("REPLACE INTO grants VALUES (?, ?, ?, ?)", values)

    def lacks(self, product_ids: Collection[str]) -> set[str]:
        """Which of `product_ids` are not among the products here."""
        asked = (
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT product_id FROM products)"
        )
        rows = self._file.execute(asked, (json.dumps(list(product_ids)),))
        return {product_id for (product_id,) in rows}

    def products(self, size: int) -> Iterator[Sequence[Product]]:
        """All products in lists of `size`, by product id."""
        rows = self._file.execute("SELECT * FROM products ORDER BY product_id")
        while batch := rows.fetchmany(size):
            yield [Product(*values) for values in batch]

    def grants(self, size: int) -> Iterator[Sequence[WantedGrant]]:
        """All grants in lists of `size`, by subject and product id."""
        rows = self._file.execute("SELECT * FROM grants ORDER BY subject, product_id")
        while batch := rows.fetchmany(size):
            yield [WantedGrant(*values) for values in batch]
