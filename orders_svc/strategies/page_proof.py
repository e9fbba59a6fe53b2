"""Strategy `page-proof`: the caller brings proofs that what it orders is on a signed page."""

from orders_svc.access import AccessQuery, Grant
from orders_svc.grants import Grants, newest_shown
from waybill.page_proof import PageProofReader


class PageProofResolver:
    """Believes the leaves that the proofs show, in metadata or in the message."""

    def __init__(self, reader: PageProofReader[Grant]) -> None:
        self._reader = reader

    async def resolve(self, query: AccessQuery) -> Grants:
        """See `orders_svc.access.Resolver`; refusals are those of `PageProofReader.read`."""
        pages = self._reader.read(
            query.metadata, query.proofs, subject=query.subject, min_revision=query.min_revision
        )
        shown: list[Grant] = []
        for page in pages:
            shown += page.leaves
        return newest_shown(shown, query.product_ids)
