"""The replica's rows as bytes: one for each grant, and one that describes the whole copy.

A grant's key is `subject NUL product id`. Product ids hold no NUL, so two pairs never share a key.
A subject is UTF-8, which has no byte FF, so no pair has the key of the description either.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from orders_svc.access import Grant
from orders_svc.feed.steps import NOWHERE, Position

FORMAT = 1
META_KEY = b"\xffmeta"
_META = Struct("<BqqdBq")
_VALUE = Struct("<iqq")


class Meta(NamedTuple):
    """What the copy is, as of the transaction that reads it.

    `synced_at` is when the copy was last known to be complete, in wall-clock seconds since the Unix
    epoch. `ready` is False while changes are known to be missing. `grants` counts rows.
    """

    epoch: int = 0
    revision: int = 0
    synced_at: float = 0.0
    ready: bool = False
    grants: int = 0

    @property
    def position(self) -> Position:
        """Where in which history the copy is."""
        return Position(self.epoch, self.revision) if self.epoch else NOWHERE


COLD = Meta()
"""No copy yet."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stored grant; `revision` is that of the change, or of the snapshot, that brought it."""

    max_quantity: int
    unit_price_micros: int
    revision: int


def key_prefix(subject: str) -> bytes:
    """What the keys of a subject begin with; the product id in UTF-8 follows."""
    return subject.encode() + b"\0"


def grant_key(subject: str, product_id: str) -> bytes:
    """The key of one grant."""
    return key_prefix(subject) + product_id.encode()


def pack_row(row: Row) -> bytes:
    """Twenty bytes, little endian."""
    return _VALUE.pack(row.max_quantity, row.unit_price_micros, row.revision)


unpack_row = _VALUE.unpack
"""The packed values: maximum quantity, unit price in micros, revision."""


def grants_of(
    product_ids: Iterable[str], rows: Iterable[bytes | None], revision: int
) -> Mapping[str, Grant]:
    """The grants that `rows` have of `product_ids`, one each, as of the copy's `revision`."""
    grants = {}
    for product_id, packed in zip(product_ids, rows, strict=True):
        if packed is not None:
            max_quantity, unit_price_micros, _ = unpack_row(packed)
            grants[product_id] = Grant(product_id, max_quantity, unit_price_micros, revision)
    return grants


def pack_meta(meta: Meta) -> bytes:
    """The description of the copy, with the number of this format in front."""
    return _META.pack(FORMAT, *meta)


def unpack_meta(packed: bytes | None) -> Meta:
    """The description, or `COLD` where there is none, or one that another release wrote."""
    if packed is None or len(packed) != _META.size or packed[0] != FORMAT:
        return COLD
    _, epoch, revision, synced_at, ready, grants = _META.unpack(packed)
    return Meta(epoch, revision, synced_at, bool(ready), grants)
