"""A customer with a million entitlements, put in by the database itself, in seconds.

The rows are those that the service's own writer leaves after a million changes of which the history
keeps none (a test holds the two to each other); by it they would take minutes.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

MILLION = 1_000_000
SUBJECT = "alice"
PRICE_MICROS = 12_990_000

_FILL = """
    PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;
    BEGIN;
    WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {count})
      INSERT INTO products
        SELECT printf('%08x-0000-4000-8000-%012x', value, value), 'x', {price} FROM n;
    WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {count})
      INSERT INTO grants
        SELECT '{subject}', printf('%08x-0000-4000-8000-%012x', value, value), 100, {price}, value
          FROM n;
    UPDATE meta SET revision = {count}, floor = {count};
    COMMIT;
"""


def product_id(number: int) -> str:
    """The id of the product of that number, from 1 on; they are as long as UUIDs."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def fill(database: Path, count: int = MILLION) -> None:
    """Give `SUBJECT` so many grants, in a database that is prepared and empty."""
    script = _FILL.format(count=count, price=PRICE_MICROS, subject=SUBJECT)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)
        connection.execute("PRAGMA journal_mode = WAL")
