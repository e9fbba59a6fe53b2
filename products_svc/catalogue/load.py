"""Takes a whole catalogue into the database: nothing is written before every row was found right.

What is right is then written piece by piece, each a transaction of its own that lasts a moment, so
that a service on the same database goes on writing meanwhile.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from products_svc.catalogue.rows import ImportProblem, Located, batches
from products_svc.catalogue.spool import Spool
from products_svc.store import reads
from products_svc.store.database import Database
from products_svc.store.values import Product, WantedGrant
from products_svc.store.writer import Writer

BATCH = 1000

Row = TypeVar("Row")
Progress = Callable[[str, int], None]
"""Told what is being done ("products read", "grants written", ...), and to how many so far."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """How much was read, how many grants changed, and the revision after it."""

    products: int
    grants: int
    changes: int
    revision: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How long others wait. Nobody queues for SQLite's write lock: they look again and again."""

    hold_s: float = 0.1
    """A transaction that has lasted so long takes no further batch."""
    rest: float = 0.25
    """Pause before the next one, as a share of the time that it lasted."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def load(
    database: Database,
    new_writer: Callable[..., Writer],
    products: Iterable[Located[Product]],
    grants: Iterable[Located[WantedGrant]],
    progress: Progress,
    pace: Pace | None = None,
) -> Loaded:
    """Add what is new and change what differs; watchers see each change.

    What the rows do not mention stays. Where a key repeats, the last row counts. Where writing is
    cut off, whole pieces stay, each with its revisions: the same import once more does the rest.

    Raises:
        ImportProblem: a row is wrong, or names a product that the catalogue lacks; nothing changed.
        StorageUnavailable: the database does not answer.
    """
    with Spool() as right:
        product_count = _read_products(products, right, progress)
        grant_count = _read_grants(database, grants, right, progress)
        writing = _Writing(database, new_writer, progress, pace or Pace())
        writing.write("products written", right.products(BATCH), Writer.put_products)
        writing.write("grants written", right.grants(BATCH), Writer.grant)
    return Loaded(product_count, grant_count, writing.changes, writing.revision)


def _read_products(rows: Iterable[Located[Product]], right: Spool, progress: Progress) -> int:
    count = 0
    for batch in batches(rows, BATCH):
        right.add_products(each.row for each in batch)
        count += len(batch)
        progress("products read", count)
    return count


def _read_grants(
    database: Database, rows: Iterable[Located[WantedGrant]], right: Spool, progress: Progress
) -> int:
    count = 0
    for batch in batches(rows, BATCH):
        new = right.lacks({each.row.product_id for each in batch})
        if new:
            _require_known(database, new, batch)
        right.add_grants(each.row for each in batch)
        count += len(batch)
        progress("grants read", count)
    return count


def _require_known(
    database: Database, product_ids: Collection[str], batch: Iterable[Located[WantedGrant]]
) -> None:
    """Look products up that the rows do not bring along.

    Raises:
        ImportProblem: about the first line that names an unknown one.
    """
    with database.reading() as connection:
        known, _ = reads.known_products(connection, product_ids)
    unknown = set(product_ids) - known
    for each in batch:
        if each.row.product_id in unknown:
            raise ImportProblem(
                each.where,
                f"product {each.row.product_id} is not in the catalogue; "
                "add it to the products file, or correct the line",
            )


class _Writing:
    """Writes batches in transactions of bounded time, with a pause after each."""

    def __init__(
        self,
        database: Database,
        new_writer: Callable[..., Writer],
        progress: Progress,
        pace: Pace,
    ) -> None:
        self._database = database
        self._new_writer = new_writer
        self._progress = progress
        self._pace = pace
        self.changes = 0
        """Grants changed so far."""
        self.revision = 0
        """After the last transaction."""

    def write(
        self,
        what: str,
        rows: Iterator[Sequence[Row]],
        put: Callable[[Writer, Sequence[Row]], None],
    ) -> None:
        """Write all of `rows`, and tell how far it is as `what`."""
        count = 0
        nothing: Sequence[Row] = ()
        for batch in chain([nothing], rows):  # one transaction at least, which tells the revision
            begun = self._pace.clock()
            count += self._commit(chain([batch], rows), put)
            self._progress(what, count)
            self._pace.sleep((self._pace.clock() - begun) * self._pace.rest)

    def _commit(
        self, rows: Iterable[Sequence[Row]], put: Callable[[Writer, Sequence[Row]], None]
    ) -> int:
        """Write as many batches as fit into one transaction; returns how many rows."""
        count = 0
        with self._database.writing() as connection:
            begun = self._pace.clock()
            writer = self._new_writer(connection)
            before = writer.revision
            for batch in rows:
                put(writer, batch)
                count += len(batch)
                if self._pace.clock() - begun >= self._pace.hold_s:
                    break
            self.revision = writer.finish()
        self.changes += self.revision - before
        return count
