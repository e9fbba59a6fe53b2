"""Questions to the store, each inside the caller's transaction."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, tuple_

from products_svc.issuing import Grant
from products_svc.store.tables import changes, grants, meta, products
from products_svc.store.values import (
    Beginning,
    Change,
    ChangeKind,
    ListedProduct,
    Listing,
    Position,
    SubjectGrant,
)

_GRANT_COLUMNS = (grants.c.product_id, grants.c.max_quantity, grants.c.unit_price_micros)
_LISTED = (
    select(*_GRANT_COLUMNS, products.c.display_name)
    .join(products, products.c.product_id == grants.c.product_id)
    .order_by(grants.c.product_id)
)
_KEY = tuple_(grants.c.subject, grants.c.product_id)
_ALL_GRANTS = select(grants.c.subject, *_GRANT_COLUMNS).order_by(
    grants.c.subject, grants.c.product_id
)


_POSITION = select(meta.c.epoch, meta.c.revision, meta.c.floor, meta.c.currency_code)


def position(connection: Connection) -> Position:
    """Where the history stands in this transaction."""
    return _position(connection.execute(_POSITION).one())


def listing(
    connection: Connection, subject: str, after: str, limit: int
) -> tuple[Listing, Position]:
    """At most `limit` of the subject's products whose ids come after `after`, and as of when."""
    head = connection.execute(_POSITION).one()
    wanted = _LISTED.where(grants.c.subject == subject, grants.c.product_id > after)
    rows = connection.execute(wanted.limit(limit + 1)).all()
    found = tuple(ListedProduct(row.display_name, _grant(row)) for row in rows[:limit])
    listing = Listing(found, len(rows) > limit, head.revision, head.currency_code)
    return listing, _position(head)


def listed(connection: Connection, subject: str, product_id: str) -> tuple[Listing, Position]:
    """The one product, or none if the subject is not granted it, and as of when."""
    head = connection.execute(_POSITION).one()
    wanted = _LISTED.where(grants.c.subject == subject, grants.c.product_id == product_id)
    found = tuple(ListedProduct(r.display_name, _grant(r)) for r in connection.execute(wanted))
    return Listing(found, False, head.revision, head.currency_code), _position(head)


def granted(
    connection: Connection, subject: str, product_ids: Collection[str]
) -> tuple[tuple[Grant, ...], Position]:
    """The subject's grants among `product_ids`, and as of when."""
    wanted = select(*_GRANT_COLUMNS).where(
        grants.c.subject == subject, grants.c.product_id.in_(product_ids)
    )
    return tuple(map(_grant, connection.execute(wanted))), position(connection)


def known_products(
    connection: Connection, product_ids: Collection[str]
) -> tuple[set[str], Position]:
    """Which of `product_ids` the catalogue has, and as of when."""
    wanted = select(products.c.product_id).where(products.c.product_id.in_(product_ids))
    return set(connection.scalars(wanted)), position(connection)


def changes_after(connection: Connection, revision: int, limit: int) -> tuple[Change, ...]:
    """The oldest changes after `revision`, at most `limit`, in order."""
    wanted = select(changes).where(changes.c.revision > revision).order_by(changes.c.revision)
    return tuple(map(_change, connection.execute(wanted.limit(limit))))


def beginning(connection: Connection, since_us: int) -> tuple[Beginning, Position]:
    """Before the oldest change that is held and was committed at `since_us`, in Unix µs, or later.

    Clocks of several instances may disagree, so it is the lowest revision of those that counts.
    """
    stands = position(connection)
    oldest = select(func.min(changes.c.revision)).where(changes.c.commit_time_us >= since_us)
    first = connection.scalar(oldest)
    revision = stands.revision if first is None else first - 1
    return Beginning(stands.epoch, revision, stands.revision), stands


def all_grants(connection: Connection, chunk: int) -> Iterator[Sequence[SubjectGrant]]:
    """Every grant, by subject and product id, in chunks of at most `chunk` rows.

    Each is a statement of its own, so that none takes long and nothing is left open between them.
    """
    after = ("", "")
    while rows := connection.execute(_ALL_GRANTS.where(_KEY.__gt__(after)).limit(chunk)).all():
        yield [SubjectGrant(row.subject, _grant(row)) for row in rows]
        after = (rows[-1].subject, rows[-1].product_id)


def _grant(row: Row[*tuple[Any, ...]]) -> Grant:
    return Grant(row.product_id, row.max_quantity, row.unit_price_micros)


def _position(row: Row[*tuple[Any, ...]]) -> Position:
    return Position(row.epoch, row.revision, row.floor)


def _change(row: Row[*tuple[Any, ...]]) -> Change:
    return Change(
        row.revision,
        row.subject,
        ChangeKind(row.kind),
        _grant(row),
        row.commit_time_us,
        row.nothing_lost,
    )
