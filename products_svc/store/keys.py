"""Picks grants by many pairs of subject and product id at once."""

from collections.abc import Collection

from sqlalchemy import ARRAY, ColumnElement, Dialect, String, func, literal, select, tuple_

from products_svc.store.tables import grants

Key = tuple[str, str]
"""Subject and product id."""

_PAIR = tuple_(grants.c.subject, grants.c.product_id)
_NAMES = ARRAY(String)


def among(keys: Collection[Key], dialect: Dialect) -> ColumnElement[bool]:
    """Whether a grant's key is one of `keys`.

    PostgreSQL makes of a list of pairs a nested condition, and gives up below 10,000 of them; two
    arrays side by side are one table to it.
    """
    if dialect.name != "postgresql":
        return _PAIR.in_(list(keys))
    columns = (literal([key[place] for key in keys], _NAMES) for place in (0, 1))
    wanted = func.unnest(*columns).table_valued("subject", "product_id").render_derived("wanted")
    return _PAIR.in_(select(wanted.c.subject, wanted.c.product_id))
