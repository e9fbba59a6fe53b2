"""METADATA_JWT: state as signed tokens in the metadata of the response."""

from collections.abc import Callable, Mapping

from products_svc.issuing import AccessPage
from products_svc.signing_keys import KeyRing
from products_svc.terms import PageState, Terms
from waybill.signing import state_entry
from waybill.values import CarriedState

Claims = Callable[[PageState], Mapping[str, object]]


class MetadataJwtIssuer:
    """Issues one metadata entry for each version.

    Args:
        keys: what to sign with.
        terms: on which to issue.
        versions: what makes each version's own claims.
    """

    def __init__(self, keys: KeyRing, terms: Terms, versions: Mapping[int, Claims]) -> None:
        self._keys = keys
        self._terms = terms
        self._versions = versions

    async def issue(self, page: AccessPage) -> CarriedState:
        """State that covers exactly `page`."""
        state, key = self._terms.state(page), self._keys.current()
        return CarriedState(
            metadata=tuple(
                state_entry(state, claims(state), key, version=version)
                for version, claims in self._versions.items()
            )
        )
