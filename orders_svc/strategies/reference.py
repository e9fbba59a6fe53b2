"""Strategy `reference`: the caller brings handles; the state that they stand for is in a store."""

from orders_svc.access import AccessQuery
from orders_svc.grants import Grants, newest
from waybill.references.reader import ReferenceReader


class ReferenceResolver:
    """Believes what the store has for the metadata's handles."""

    def __init__(self, reader: ReferenceReader[Grants]) -> None:
        self._reader = reader

    async def resolve(self, query: AccessQuery) -> Grants:
        """See `orders_svc.access.Resolver`; refusals are those of `ReferenceReader.read`."""
        states = await self._reader.read(
            query.metadata,
            subject=query.subject,
            min_revision=query.min_revision,
            time_left_s=query.time_left_s,
        )
        return newest(states, query.product_ids)
