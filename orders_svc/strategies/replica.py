"""Strategy `replica`: look into this service's own copy of the entitlements."""

from collections.abc import Mapping

from orders_svc.access import AccessQuery, Grant
from orders_svc.replica.copy import CopyReader


class ReplicaResolver:
    """Believes the copy while it is fresh enough, and waits for a demanded revision."""

    def __init__(self, reader: CopyReader) -> None:
        self._reader = reader

    async def resolve(self, query: AccessQuery) -> Mapping[str, Grant]:
        """See `orders_svc.access.Resolver`.

        Raises:
            ReplicaNotReady: the copy is cold, has a gap, or lags more than its bound.
            RevisionNotReached: `query.min_revision` did not arrive while the caller had time.
        """
        return await self._reader.grants_at(
            query.subject, query.product_ids, query.min_revision, query.time_left_s
        )
