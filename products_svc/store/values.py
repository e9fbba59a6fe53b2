"""What goes into the store and comes out of it."""

from dataclasses import dataclass
from enum import StrEnum

from products_svc.issuing import Grant


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the catalogue."""

    product_id: str
    display_name: str
    unit_price_micros: int


@dataclass(frozen=True, slots=True)
class WantedGrant:
    """A grant to make. `unit_price_micros` None quotes the catalogue's price of the moment."""

    subject: str
    product_id: str
    max_quantity: int = 0
    unit_price_micros: int | None = None


@dataclass(frozen=True, slots=True)
class SubjectGrant:
    """A grant, and whose it is."""

    subject: str
    grant: Grant


class ChangeKind(StrEnum):
    """What a change did to one subject's grant of one product."""

    GRANTED = "granted"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change. A revoked grant has quantity and price 0.

    `nothing_lost` says that the subject may order all that it could order before.
    """

    revision: int
    subject: str
    kind: ChangeKind
    grant: Grant
    commit_time_us: int
    nothing_lost: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where the history stands. Changes after `floor` are still held."""

    epoch: int
    revision: int
    floor: int


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where changes begin without a copy: after `revision`; the history stands at `newest`."""

    epoch: int
    revision: int
    newest: int


@dataclass(frozen=True, slots=True)
class ListedProduct:
    """A product, as one subject is granted it."""

    display_name: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of what a subject is granted, ordered by product id, as of one revision.

    `asked_at` is when the question was about to be asked, in seconds since the Unix epoch; None
    where nobody noted it.
    """

    products: tuple[ListedProduct, ...]
    more: bool
    revision: int
    currency_code: str
    asked_at: float | None = None
