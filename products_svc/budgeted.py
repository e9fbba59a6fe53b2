"""What happens to all state on its way out, whatever its strategy: it is weighed."""

from collections.abc import Sequence

from products_svc.issuing import AccessPage, Issuer
from waybill.budget import Budget
from waybill.errors import WaybillError
from waybill.telemetry import StateMeter
from waybill.values import CarriedState


class BudgetedIssuer:
    """An issuer that refuses metadata over the budget before it is sent, and counts the rest.

    Args:
        issuer: what makes the state.
        budget: of the metadata; what travels in messages is not its business.
        meter: counts what is issued and what is refused.
        versions: of the states that the issuer makes, for the count.
    """

    def __init__(
        self, issuer: Issuer, budget: Budget, meter: StateMeter, versions: Sequence[int] = ()
    ) -> None:
        self._versions = versions
        self._issuer = issuer
        self._budget = budget
        self._meter = meter

    async def issue(self, page: AccessPage) -> CarriedState:
        """See `products_svc.issuing.Issuer`."""
        try:
            carried = await self._issuer.issue(page)
            self._budget.check(carried.metadata)
        except WaybillError as refusal:
            self._meter.refused(refusal)
            raise
        self._meter.issued(carried.size_bytes, self._versions)
        return carried
