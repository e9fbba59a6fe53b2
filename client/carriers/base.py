"""What a carrier does: keep what a page brought, and choose what an order must show."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from shop.products.v1.products_pb2 import ListProductsResponse
from waybill.metadata import Entry
from waybill.values import CarriedState


@dataclass(frozen=True, slots=True)
class KeptPage:
    """One listed page: its products, its revision, and the state that covers exactly them."""

    product_ids: frozenset[str]
    revision: int
    carried: CarriedState


class Carrier(Protocol):
    """Carries one strategy's state from the products service to the orders service.

    `travels` says whether an order must show kept state at all.
    """

    travels: ClassVar[bool]

    def keep(self, arrived: CarriedState) -> CarriedState:
        """The part of a ListProducts answer that is this strategy's state.

        `arrived` is all that the answer may carry state in.
        """
        ...

    def carry(self, pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
        """What to send with an order of `product_ids`: the state of the pages that cover them."""
        ...


def kept_page(
    carrier: Carrier, answer: ListProductsResponse, initial_metadata: Iterable[Entry] | None
) -> KeptPage:
    """What `carrier` keeps of an answer of ListProducts and its initial metadata."""
    arrived = CarriedState(
        tuple(initial_metadata or ()), tuple(answer.state), tuple(answer.page_proofs)
    )
    product_ids = frozenset(product.product_id for product in answer.products)
    return KeptPage(product_ids, answer.revision, carrier.keep(arrived))
