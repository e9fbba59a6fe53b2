"""METADATA_JWT: state as signed tokens in the metadata of the response."""

from collections.abc import Callable, Mapping

from products_svc.issuing import AccessPage
from products_svc.signing_keys import KeyRing
from products_svc.terms import PageState, Terms
from waybill.metadata import Entry, state_key
from waybill.minting import claims_of
from waybill.signing import SigningKey, sign_jwt
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
                _entry(version, state, claims(state), key)
                for version, claims in self._versions.items()
            )
        )


def _entry(version: int, state: PageState, own: Mapping[str, object], key: SigningKey) -> Entry:
    name = state_key(version)
    registered = {
        "iss": state.issuer,
        "aud": state.audience,
        "sub": state.subject,
        "iat": state.issue_time,
        "exp": state.expire_time,
        "rev": state.revision,
        **claims_of(state.minted_in),
    }
    return name, sign_jwt({**registered, **own}, key, typ=f"{name}+jwt")
