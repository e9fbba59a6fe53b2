"""The catalogue of the contract suite's shop."""

from collections.abc import Callable

from products_svc.bootstrap import open_database
from products_svc.settings import Settings
from products_svc.store.values import Product
from products_svc.store.writer import Writer

PRODUCTS = ("salt", "soap", "tea")


def add_products(settings: Settings, clock: Callable[[], float]) -> None:
    """Put the catalogue into the database, before the service opens it."""
    database = open_database(settings, clock)
    with database.writing() as connection:
        writer = Writer(connection, clock, settings.history_changes)
        writer.put_products([Product(each, each.title(), 1_990_000) for each in PRODUCTS])
        writer.finish()
    database.close()
