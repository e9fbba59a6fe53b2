"""PAGE_PROOF: the page as a Merkle tree whose root is signed, in the response message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from products_svc.issuing import AccessPage
from products_svc.signing_keys import KeyRing
from products_svc.terms import PageState, Terms
from waybill.page_signing import PageSigner
from waybill.values import CarriedState


@dataclass(frozen=True, slots=True)
class PageVersion:
    """What makes the leaves of one version, and what signs them."""

    leaves: Callable[[PageState], Sequence[bytes]]
    signer: PageSigner


class PageProofIssuer:
    """Issues one page for each version.

    The page travels with all its leaves and no proofs: its holder derives the proof of any product
    from them (docs/adr/0009-pages-travel-whole.md).

    Args:
        keys: what to sign with.
        terms: on which to issue.
        versions: what makes each version's page.
    """

    def __init__(self, keys: KeyRing, terms: Terms, versions: Sequence[PageVersion]) -> None:
        self._keys = keys
        self._terms = terms
        self._versions = versions

    async def issue(self, page: AccessPage) -> CarriedState:
        """State that covers exactly `page`; nothing of a version that can say nothing of it."""
        if not page.grants:
            return CarriedState()
        state, key = self._terms.state(page), self._keys.current()
        made = [(version.signer, version.leaves(state)) for version in self._versions]
        return CarriedState(
            proofs=tuple(signer.sign(state, leaves, key) for signer, leaves in made if leaves)
        )
