"""State as proofs: a listed page is kept whole, and an order shows only the products it names."""

from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar, Final

from google.protobuf.message import DecodeError

from client.carriers.base import KeptPage
from client.carriers.covering import covering
from shop.state.v1.state_pb2 import Grant
from waybill.budget import Budget
from waybill.metadata import PROOF
from waybill.page_proof import WholePage
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState

METADATA_SHARE: Final = 4 / 7
"""Of the path's budget for state in metadata: 4,096 of the default path's 7,168 bytes. Above it the
message is the better place, since no hop looks at it."""


class PageProofCarrier:
    """Proves every product by its newest page, in all versions: the reader takes what it can read.

    Proofs travel in metadata while they use at most `metadata_share` of `budget`, as every hop of
    its path counts, and above that in the message, where no hop looks at them. A share of 0 keeps
    them out of metadata altogether, a budget without limits keeps them in it.
    """

    travels: ClassVar[bool] = True

    def __init__(self, budget: Budget, metadata_share: float = METADATA_SHARE) -> None:
        self._budget = budget
        self._metadata_share = metadata_share

    def keep(self, arrived: CarriedState) -> CarriedState:
        return CarriedState(proofs=arrived.proofs)

    def carry(self, pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
        proofs = tuple(_proofs(pages, product_ids))
        in_metadata = tuple((PROOF, proof.SerializeToString()) for proof in proofs)
        use = self._budget.tightest(in_metadata)
        if use and use.share > self._metadata_share:
            return CarriedState(proofs=proofs)
        return CarriedState(metadata=in_metadata)


def _proofs(pages: Sequence[KeptPage], product_ids: Collection[str]) -> Iterator[PageProof]:
    """Proofs of the pages that cover `product_ids`, without what a newer page proves already.

    A version may leave out what it cannot say. Then one leaf stands for its page, as a token or an
    envelope would: who reads that version sees an authentic page that does not grant the product.
    """
    left = set(product_ids)
    for page in covering(pages, product_ids):
        wanted, left = left & page.product_ids, left - page.product_ids
        for proof in filter(_has_leaves, page.carried.proofs):
            whole = WholePage(proof)
            yield whole.narrowed(_positions(whole.leaves, wanted) or [0])


def _has_leaves(proof: PageProof) -> bool:
    return bool(proof.leaves)


def _positions(leaves: Sequence[bytes], wanted: Collection[str]) -> list[int]:
    return [place for place, leaf in enumerate(leaves) if product_id_of(leaf) in wanted]


def product_id_of(leaf: bytes) -> str:
    """The product of a leaf of any version: all have its id in field 1. Empty if it has none."""
    try:
        return Grant.FromString(leaf).product_id
    except DecodeError:
        return ""
