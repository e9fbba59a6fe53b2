"""METADATA_JWT: state as signed tokens in the metadata of the response."""

from collections.abc import Callable, Mapping

from products_svc.issuing import AccessPage
from products_svc.signing_keys import KeyRing
from products_svc.terms import PageState, Terms
from waybill.errors import StateTooLarge
from waybill.metadata import Entry, state_key
from waybill.signing import SigningKey, sign_jwt
from waybill.values import CarriedState

Claims = Callable[[PageState], Mapping[str, object]]


class MetadataJwtIssuer:
    """Issues one metadata entry for each version.

    Args:
        keys: what to sign with.
        terms: on which to issue.
        versions: what makes each version's own claims.
        max_bytes: budget over all entries together, counted as HTTP/2 does; 0 is no limit.
    """

    def __init__(
        self, keys: KeyRing, terms: Terms, versions: Mapping[int, Claims], max_bytes: int
    ) -> None:
        self._keys = keys
        self._terms = terms
        self._versions = versions
        self._max_bytes = max_bytes

    async def issue(self, page: AccessPage) -> CarriedState:
        """State that covers exactly `page`.

        Raises:
            StateTooLarge: it would be over the budget.
        """
        state, key = self._terms.state(page), self._keys.current()
        entries = [
            _entry(version, state, claims(state), key) for version, claims in self._versions.items()
        ]
        carried = CarriedState(metadata=tuple(entries))
        if self._max_bytes and carried.size_bytes > self._max_bytes:
            facts = {"bytes": str(carried.size_bytes), "max_bytes": str(self._max_bytes)}
            raise StateTooLarge(facts=facts)
        return carried


def _entry(version: int, state: PageState, own: Mapping[str, object], key: SigningKey) -> Entry:
    name = state_key(version)
    registered = {
        "iss": state.issuer,
        "aud": state.audience,
        "sub": state.subject,
        "iat": state.issue_time,
        "exp": state.expire_time,
        "rev": state.revision,
    }
    return name, sign_jwt({**registered, **own}, key, typ=f"{name}+jwt")
