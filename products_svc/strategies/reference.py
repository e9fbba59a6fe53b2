"""REFERENCE: the state stays in a store, and a random handle travels in the metadata."""

from collections.abc import Callable, Sequence

from google.protobuf.message import Message

from products_svc.issuing import AccessPage
from products_svc.terms import PageState, Terms
from waybill.references.issuing import reference_entry
from waybill.references.store import ReferenceSink
from waybill.values import CarriedState


class ReferenceIssuer:
    """Files one record for each page, and issues its handle.

    Args:
        store: what keeps the records.
        terms: on which to issue.
        versions: what makes each version's message; all of them are in the record.
    """

    def __init__(
        self, store: ReferenceSink, terms: Terms, versions: Sequence[Callable[[PageState], Message]]
    ) -> None:
        self._store = store
        self._terms = terms
        self._versions = versions

    async def issue(self, page: AccessPage) -> CarriedState:
        """A handle for state that covers exactly `page`; it is in the store when this returns.

        Raises:
            StateSuperseded: the subject was revoked after the page was read.
            ReferenceStoreUnavailable: the store does not answer, or is full.
        """
        state = self._terms.state(page)
        messages = (make(state) for make in self._versions)
        return CarriedState(metadata=(await reference_entry(self._store, state, messages),))
