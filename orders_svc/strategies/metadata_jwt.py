"""Strategy `metadata-jwt`: the caller brings signed JWTs in its metadata."""

from orders_svc.access import AccessQuery
from orders_svc.grants import Grants, newest
from waybill.state_reader import JwtStateReader


class MetadataJwtResolver:
    """Believes what the metadata's tokens say, once they are verified."""

    def __init__(self, reader: JwtStateReader[Grants]) -> None:
        self._reader = reader

    async def resolve(self, query: AccessQuery) -> Grants:
        """See `orders_svc.access.Resolver`; refusals are those of `JwtStateReader.read`."""
        states = self._reader.read(
            query.metadata, subject=query.subject, min_revision=query.min_revision
        )
        return newest(states, query.product_ids)
