"""MESSAGE_FIELD: state as signed envelopes in the response message."""

from collections.abc import Callable, Sequence

from google.protobuf.message import Message

from products_svc.issuing import AccessPage
from products_svc.signing_keys import KeyRing
from products_svc.terms import PageState, Terms
from waybill.signing import seal
from waybill.values import CarriedState


class MessageFieldIssuer:
    """Issues one envelope for each version.

    Args:
        keys: what to sign with.
        terms: on which to issue.
        versions: what makes each version's message.
    """

    def __init__(
        self, keys: KeyRing, terms: Terms, versions: Sequence[Callable[[PageState], Message]]
    ) -> None:
        self._keys = keys
        self._terms = terms
        self._versions = versions

    async def issue(self, page: AccessPage) -> CarriedState:
        """State that covers exactly `page`."""
        state, key = self._terms.state(page), self._keys.current()
        return CarriedState(envelopes=tuple(seal(make(state), key) for make in self._versions))
