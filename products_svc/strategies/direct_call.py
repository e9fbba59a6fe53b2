"""DIRECT_CALL: nothing travels with the page; the reader asks `CheckAccess`."""

from products_svc.issuing import AccessPage
from waybill.values import CarriedState


class DirectCallIssuer:
    """Issues nothing."""

    async def issue(self, page: AccessPage) -> CarriedState:  # noqa: ARG002 -- the Issuer's shape
        """Empty state."""
        return CarriedState()
