"""What happens to all state that comes in, whatever its strategy: it is counted."""

from collections.abc import Mapping

from orders_svc.access import AccessQuery, Grant, Resolver
from waybill.errors import WaybillError
from waybill.telemetry import StateMeter, state_bytes


class MeteredResolver:
    """A resolver that counts the bytes of the state that it is shown, and its refusals."""

    def __init__(self, resolver: Resolver, meter: StateMeter) -> None:
        self._resolver = resolver
        self._meter = meter

    async def resolve(self, query: AccessQuery) -> Mapping[str, Grant]:
        """See `orders_svc.access.Resolver`."""
        self._meter.carried(state_bytes(query.metadata, query.envelopes, query.proofs))
        try:
            return await self._resolver.resolve(query)
        except WaybillError as refusal:
            self._meter.refused(refusal)
            raise
