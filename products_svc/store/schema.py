"""Makes a new database ready, or checks that an old one fits."""

from collections.abc import Callable

from sqlalchemy import Connection, Table, delete, insert, inspect, select, text, update
from sqlalchemy.schema import CreateColumn

from products_svc.store.database import Database
from products_svc.store.notifications import announce
from products_svc.store.tables import SCHEMA_VERSION, changes, meta, metadata, origin

DEFAULT_CURRENCY = "EUR"


class UnfitDatabase(Exception):
    """The database is empty, made by another program version or for another currency."""


def prepare(
    database: Database,
    clock: Callable[[], float],
    currency_code: str | None,
    *,
    create: bool = True,
) -> bool:
    """Create what is missing, in one transaction. Any number of processes may do so at once.

    A history that was copied here from another database is begun anew: see `renew_history`.

    Args:
        database: where.
        clock: seconds since the Unix epoch; its reading becomes the epoch of a new history.
        currency_code: ISO 4217; None takes the database's, or the default for a new one.
        create: False refuses an empty database: one that lost its data looks like a new one.

    Returns:
        Whether the history was begun anew, since it came from elsewhere.

    Raises:
        UnfitDatabase: the database is of a newer schema or another currency, or empty.
        StorageUnavailable: the database does not answer.
    """
    with database.preparing() as connection:
        if create:
            metadata.create_all(connection)
        else:
            _require_all(connection)
        _add_missing_columns(connection, changes)
        head = connection.execute(select(meta)).one_or_none()
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
        moved = _moved(connection, database.origin(connection))
        if moved:
            _renew(connection, clock)
    return moved


def renew_history(database: Database, clock: Callable[[], float]) -> int:
    """Start the history anew at its present revision, so that every follower takes a snapshot.

    Needed after the database was restored from a backup: revisions are then given out a second
    time, and a follower that saw the first ones could not tell. Returns the new epoch.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    with database.writing() as connection:
        return _renew(connection, clock)


def _renew(connection: Connection, clock: Callable[[], float]) -> int:
    head = connection.execute(select(meta).with_for_update()).one()
    epoch: int = max(head.epoch + 1, int(clock() * 1000))
    connection.execute(delete(changes))
    connection.execute(update(meta).values(epoch=epoch, floor=head.revision))
    announce(connection)
    return epoch


def _moved(connection: Connection, place: str | None) -> bool:
    """Whether the history was written in another place than this; it is of this one from now on."""
    kept = connection.scalar(select(origin.c.place))
    if place is None or place == kept:
        return False
    connection.execute(delete(origin))
    connection.execute(insert(origin).values(id=1, place=place))
    return kept is not None


def _require_all(connection: Connection) -> None:
    missing = metadata.tables.keys() - set(inspect(connection).get_table_names())
    if missing or connection.execute(select(meta)).one_or_none() is None:
        what = f"lacks the tables {', '.join(sorted(missing))}" if missing else "is empty"
        raise UnfitDatabase(
            f"the database {what}; restore it, or let it be set up, with a new history where there "
            "is none, by PRODUCTS_DATABASE_CREATE=true"
        )


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
