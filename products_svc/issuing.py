"""What the products service knows about a page, and what issues state from it."""

from dataclasses import dataclass
from typing import Protocol

from waybill.values import CarriedState


@dataclass(frozen=True, slots=True)
class Grant:
    """One entitlement of one subject. `max_quantity` 0 means no maximum."""

    product_id: str
    max_quantity: int
    unit_price_micros: int


@dataclass(frozen=True, slots=True)
class AccessPage:
    """The grants of one listed page, as of one revision, in the order of their product ids.

    `asked_at` is from when on they may have changed, in seconds since the Unix epoch: state counts
    its life from there, however long reading took. None is now.
    """

    subject: str
    grants: tuple[Grant, ...]
    revision: int
    asked_at: float | None = None


class Issuer(Protocol):
    """Makes the state that travels with a page; an empty one where the strategy carries none."""

    async def issue(self, page: AccessPage) -> CarriedState:
        """State that covers exactly `page`.

        Raises:
            waybill.errors.StateTooLarge: the state would not pass the configured path.
            waybill.errors.Unavailable: what the state must be put into cannot be reached.
        """
        ...
