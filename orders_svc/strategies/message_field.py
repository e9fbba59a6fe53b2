"""Strategy `message-field`: the caller brings signed envelopes in its request message."""

from orders_svc.access import AccessQuery
from orders_svc.grants import Grants, newest
from waybill.state_reader import EnvelopeStateReader


class MessageFieldResolver:
    """Believes what the message's envelopes say, once they are verified."""

    def __init__(self, reader: EnvelopeStateReader[Grants]) -> None:
        self._reader = reader

    async def resolve(self, query: AccessQuery) -> Grants:
        """See `orders_svc.access.Resolver`; refusals are those of `EnvelopeStateReader.read`."""
        states = self._reader.read(
            query.envelopes, subject=query.subject, min_revision=query.min_revision
        )
        return newest(states, query.product_ids)
