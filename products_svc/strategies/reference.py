"""REFERENCE: the state stays in a store, and a random handle travels in the metadata."""

from collections.abc import Callable, Sequence

from google.protobuf.message import Message

from products_svc.issuing import AccessPage
from products_svc.terms import PageState, Terms
from waybill.metadata import REFERENCE
from waybill.references import record
from waybill.references.handle import name_of, new_handle
from waybill.references.store import Filed, ReferenceSink
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
        state, handle = self._terms.state(page), new_handle()
        filed = Filed(
            name=name_of(handle, state.audience),
            subject=state.subject,
            revision=state.revision,
            ttl_s=self._terms.ttl_s,
            record=record.encode(make(state) for make in self._versions),
        )
        await self._store.put(filed)
        return CarriedState(metadata=((REFERENCE, handle),))
