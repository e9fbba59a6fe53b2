"""Picks grants by many pairs of subject and product id at once."""

import json
from collections.abc import Collection

from sqlalchemy import ARRAY, ColumnElement, Dialect, String, func, literal, select, tuple_

from products_svc.store.tables import grants

Key = tuple[str, str]
"""Subject and product id."""

_PAIR = tuple_(grants.c.subject, grants.c.product_id)
_NAMES = ARRAY(String)


def among(keys: Collection[Key], dialect: Dialect) -> ColumnElement[bool]:
    """Whether a grant's key is one of `keys`.

    As a plain list of pairs SQLite compares each with every grant there is, and PostgreSQL makes of
    it a nested condition and gives up below 10,000 of them. As a table both look each up by the
    primary key; and it is one parameter, or two, rather than thousands.
    """
    if dialect.name == "postgresql":
        columns = (literal([key[place] for key in keys], _NAMES) for place in (0, 1))
        named = func.unnest(*columns).table_valued("subject", "product_id")
        wanted = named.render_derived("wanted")
        return _PAIR.in_(select(wanted.c.subject, wanted.c.product_id))
    pairs = func.json_each(json.dumps(list(keys))).table_valued("value", name="wanted")
    places = (func.json_extract(pairs.c.value, f"$[{place}]") for place in (0, 1))
    return _PAIR.in_(select(*places))
