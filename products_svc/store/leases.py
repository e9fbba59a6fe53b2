"""Leases: which process does what only one at a time should do. A row each, in the database."""

from sqlalchemy import Connection, delete, insert, select, update

from products_svc.store.tables import leases, meta


def take(connection: Connection, name: str, owner: str, now: float, lasts_s: float) -> bool:
    """Whether the lease `name` is `owner`'s now, until `lasts_s` seconds after `now`.

    Clocks of several machines meet here: a lease keeps processes out of each other's way, and is
    nothing to rely on for more.
    """
    connection.execute(select(meta.c.id).with_for_update()).one()  # one process at a time
    row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
    values = {"owner": owner, "until_us": int((now + lasts_s) * 1_000_000)}
    if row is None:
        connection.execute(insert(leases).values(name=name, **values))
    elif row.owner == owner or row.until_us <= int(now * 1_000_000):
        connection.execute(update(leases).where(leases.c.name == name).values(**values))
    else:
        return False
    return True


def end(connection: Connection, name: str, owner: str) -> None:
    """Let another process take the lease, if it is `owner`'s."""
    mine = (leases.c.name == name) & (leases.c.owner == owner)
    connection.execute(delete(leases).where(mine))
