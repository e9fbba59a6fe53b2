"""Makes a new database ready, or checks that an old one fits."""

from collections.abc import Callable

from sqlalchemy import Connection, Table, delete, insert, inspect, select, text, update
from sqlalchemy.schema import CreateColumn

from products_svc.store.database import Database
from products_svc.store.tables import SCHEMA_VERSION, changes, meta, metadata

DEFAULT_CURRENCY = "EUR"


class UnfitDatabase(Exception):
    """The database was made by another program version or for another currency."""


def prepare(database: Database, clock: Callable[[], float], currency_code: str | None) -> None:
    """Create what is missing, in one transaction. Any number of processes may do so at once.

    Args:
        database: where.
        clock: seconds since the Unix epoch; its reading becomes the epoch of a new history.
        currency_code: ISO 4217; None takes the database's, or the default for a new one.

    Raises:
        UnfitDatabase: the database is of a newer schema or another currency.
        StorageUnavailable: the database does not answer.
    """
    with database.writing() as connection:
        metadata.create_all(connection)
        head = connection.execute(select(meta).with_for_update()).one_or_none()
        _add_missing_columns(connection, changes)
        if head is None:
            _begin_history(connection, clock, currency_code or DEFAULT_CURRENCY)
        elif head.schema_version != SCHEMA_VERSION:
            raise UnfitDatabase(
                f"the database has schema version {head.schema_version}, this program reads "
                f"{SCHEMA_VERSION}; use the program that made it, or another database"
            )
        elif currency_code not in (None, head.currency_code):
            raise UnfitDatabase(
                f"the database's prices are in {head.currency_code}, the settings say "
                f"{currency_code}; correct the setting, or use another database"
            )


def renew_history(database: Database, clock: Callable[[], float]) -> int:
    """Start the history anew at its present revision, so that every follower takes a snapshot.

    Needed after the database was restored from a backup: revisions are then given out a second
    time, and a follower that saw the first ones could not tell. Returns the new epoch.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    with database.writing() as connection:
        head = connection.execute(select(meta).with_for_update()).one()
        epoch: int = max(head.epoch + 1, int(clock() * 1000))
        connection.execute(delete(changes))
        connection.execute(update(meta).values(epoch=epoch, floor=head.revision))
    return epoch


def _add_missing_columns(connection: Connection, table: Table) -> None:
    """Bring a table of an older program up to date; what is added has a default for old rows."""
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in present:
            added = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {added}"))


def _begin_history(connection: Connection, clock: Callable[[], float], currency: str) -> None:
    connection.execute(
        insert(meta).values(
            id=1,
            schema_version=SCHEMA_VERSION,
            epoch=int(clock() * 1000),
            revision=0,
            floor=0,
            currency_code=currency,
        )
    )
