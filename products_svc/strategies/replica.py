"""REPLICA: nothing travels with the page; `WatchAccess` feeds the reader's own copy."""

from products_svc.issuing import AccessPage
from waybill.values import CarriedState


class ReplicaIssuer:
    """Issues nothing."""

    async def issue(self, page: AccessPage) -> CarriedState:  # noqa: ARG002 -- the Issuer's shape
        """Empty state."""
        return CarriedState()
