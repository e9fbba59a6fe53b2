"""Takes a whole catalogue into the database: all of it, or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from products_svc.catalogue.rows import ImportProblem, Located, batches
from products_svc.store.database import Database
from products_svc.store.values import Product, WantedGrant
from products_svc.store.writer import UnknownProducts, Writer

BATCH = 1000

Progress = Callable[[str, int], None]
"""Told what is being taken in ("products", "grants"), and how many so far."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """How much was read, how many grants changed, and the revision after it."""

    products: int
    grants: int
    changes: int
    revision: int


def load(
    database: Database,
    new_writer: Callable[..., Writer],
    products: Iterable[Located[Product]],
    grants: Iterable[Located[WantedGrant]],
    progress: Progress,
) -> Loaded:
    """Add what is new and change what differs, in one transaction; watchers see each change.

    What the rows do not mention stays. Where a key repeats, the last row counts.

    Raises:
        ImportProblem: a row is wrong, or names a product that the catalogue lacks; nothing changed.
        StorageUnavailable: the database does not answer; nothing changed.
    """
    with database.writing() as connection:
        writer = new_writer(connection)
        before = writer.revision
        product_count = _products(writer, products, progress)
        grant_count = _grants(writer, grants, progress)
        revision = writer.finish()
    return Loaded(product_count, grant_count, revision - before, revision)


def _products(writer: Writer, products: Iterable[Located[Product]], progress: Progress) -> int:
    count = 0
    for batch in batches(products, BATCH):
        writer.put_products([each.row for each in batch])
        count += len(batch)
        progress("products", count)
    return count


def _grants(writer: Writer, grants: Iterable[Located[WantedGrant]], progress: Progress) -> int:
    count = 0
    for batch in batches(grants, BATCH):
        try:
            writer.grant([each.row for each in batch])
        except UnknownProducts as unknown:
            raise _problem(batch, unknown) from None
        count += len(batch)
        progress("grants", count)
    return count


def _problem(batch: list[Located[WantedGrant]], unknown: UnknownProducts) -> ImportProblem:
    """The first line that names an unknown product."""
    first = next(each for each in batch if each.row.product_id in unknown.product_ids)
    advice = "add it to the products file, or correct the line"
    return ImportProblem(
        first.where, f"product {first.row.product_id} is not in the catalogue; {advice}"
    )
