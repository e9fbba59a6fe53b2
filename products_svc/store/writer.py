"""Changes to the store, each with its revision, inside one write transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from products_svc.issuing import Grant
from products_svc.store import bulk
from products_svc.store.keys import Key, among
from products_svc.store.notifications import announce
from products_svc.store.tables import changes, grants, meta, products
from products_svc.store.values import ChangeKind, Position, Product, WantedGrant


class UnknownProducts(Exception):
    """Grants were asked for products that the catalogue lacks: `product_ids`."""

    def __init__(self, product_ids: frozenset[str]) -> None:
        super().__init__(f"{len(product_ids)} products are not in the catalogue")
        self.product_ids = product_ids


class Writer:
    """The one writer of the moment: it holds the revision from its first statement to the commit.

    So revisions are handed out in the order of commits, and a reader that has seen revision R
    never finds a change below R afterwards. Each call looks up and writes all that it is given in
    a few statements; give it about a thousand rows at a time.

    Args:
        connection: an open write transaction.
        clock: seconds since the Unix epoch.
        history_changes: how many changes the history keeps.
    """

    def __init__(
        self, connection: Connection, clock: Callable[[], float], history_changes: int
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._history_changes = history_changes
        self._head = connection.execute(select(meta).with_for_update()).one()
        self._revision: int = self._head.revision

    @property
    def position(self) -> Position:
        """Where the history stood when this transaction got hold of it."""
        return Position(self._head.epoch, self._head.revision, self._head.floor)

    @property
    def revision(self) -> int:
        """The revision of the last change so far."""
        return self._revision

    def put_products(self, wanted: Sequence[Product]) -> None:
        """Add products, or bring known ones up to date. Quotes already given stay."""
        rows = {product.product_id: _product_row(product) for product in wanted}
        known = self._prices(rows)
        new = [row for key, row in rows.items() if key not in known]
        bulk.add(self._connection, products, new)
        statement = update(products).where(products.c.product_id == bindparam("b_product_id"))
        self._update(statement, [row for key, row in rows.items() if key in known])

    def grant(self, wanted: Sequence[WantedGrant]) -> None:
        """Make grants; where a key repeats the last one counts. What is so already changes nothing.

        Raises:
            UnknownProducts: the catalogue lacks some of the products; nothing was written.
        """
        quoted = self._quoted(wanted)
        held = self._held(quoted)
        new = {key: grant for key, grant in quoted.items() if key not in held}
        changed = {key: grant for key, grant in quoted.items() if held.get(key, grant) != grant}
        bulk.add(self._connection, grants, self._recorded(new, ChangeKind.GRANTED, held))
        statement = update(grants).where(
            grants.c.subject == bindparam("b_subject"),
            grants.c.product_id == bindparam("b_product_id"),
        )
        self._update(statement, self._recorded(changed, ChangeKind.GRANTED, held))

    def revoke(self, subject: str, product_ids: Collection[str]) -> None:
        """Take grants away. What is not granted changes nothing."""
        held = self._held([(subject, product_id) for product_id in product_ids])
        gone = {key: Grant(key[1], 0, 0) for key in sorted(held)}
        self._recorded(gone, ChangeKind.REVOKED, held)
        self._connection.execute(delete(grants).where(among(gone, self._connection.dialect)))

    def finish(self) -> int:
        """Close the books before the commit; returns the revision of the last change."""
        if self._revision == self._head.revision:
            return self._revision
        # A long transaction's changes become visible now, not when they were written.
        self._connection.execute(
            update(changes)
            .where(changes.c.revision > self._head.revision)
            .values(commit_time_us=int(self._clock() * 1_000_000))
        )
        floor = max(self._head.floor, self._revision - self._history_changes)
        # From the old floor, so that an index is not searched through what was deleted before.
        compacted = changes.c.revision.between(self._head.floor + 1, floor)
        self._connection.execute(delete(changes).where(compacted))
        self._connection.execute(update(meta).values(revision=self._revision, floor=floor))
        announce(self._connection)
        return self._revision

    def _quoted(self, wanted: Sequence[WantedGrant]) -> dict[Key, Grant]:
        prices = self._prices({grant.product_id for grant in wanted})
        missing = frozenset(grant.product_id for grant in wanted) - prices.keys()
        if missing:
            raise UnknownProducts(missing)
        return {
            (grant.subject, grant.product_id): _quote(grant, prices[grant.product_id])
            for grant in wanted
        }

    def _prices(self, product_ids: Collection[str]) -> dict[str, int]:
        wanted = select(products.c.product_id, products.c.unit_price_micros).where(
            products.c.product_id.in_(product_ids)
        )
        return {row.product_id: row.unit_price_micros for row in self._connection.execute(wanted)}

    def _held(self, keys: Collection[Key]) -> dict[Key, Grant]:
        wanted = select(grants).where(among(keys, self._connection.dialect))
        return {
            (row.subject, row.product_id): Grant(
                row.product_id, row.max_quantity, row.unit_price_micros
            )
            for row in self._connection.execute(wanted)
        }

    def _recorded(
        self, changed: dict[Key, Grant], kind: ChangeKind, held: Mapping[Key, Grant]
    ) -> list[dict[str, Any]]:
        """Gives each change a revision and notes it; returns the rows of the grants."""
        rows = [
            {
                "revision": revision,
                "subject": key[0],
                "product_id": key[1],
                "max_quantity": grant.max_quantity,
                "unit_price_micros": grant.unit_price_micros,
            }
            for revision, (key, grant) in enumerate(changed.items(), self._revision + 1)
        ]
        notes = [
            {
                "kind": kind.value,
                "commit_time_us": 0,
                "nothing_lost": kind is ChangeKind.GRANTED and _is_kept(held.get(key), grant),
            }
            for key, grant in changed.items()
        ]
        noted = [row | note for row, note in zip(rows, notes, strict=True)]
        bulk.add(self._connection, changes, noted)
        self._revision += len(rows)
        return rows

    def _update(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        """Updates each row where its key is; keys are bound under names of their own."""
        bound = [
            {f"b_{name}" if name in _KEYS else name: value for name, value in row.items()}
            for row in rows
        ]
        if bound:
            self._connection.execute(statement, bound)


_KEYS = frozenset({"subject", "product_id"})


def _is_kept(before: Grant | None, after: Grant) -> bool:
    """Whether `after` allows every quantity that `before` allowed; 0 is no maximum.

    A price is a quotation, which the state that quotes it keeps until it expires.
    """
    if before is None or after.max_quantity == 0:
        return True
    return 0 < before.max_quantity <= after.max_quantity


def _product_row(product: Product) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "display_name": product.display_name,
        "unit_price_micros": product.unit_price_micros,
    }


def _quote(wanted: WantedGrant, catalogue_price: int) -> Grant:
    quoted = wanted.unit_price_micros
    price = catalogue_price if quoted is None else quoted
    return Grant(wanted.product_id, wanted.max_quantity, price)
