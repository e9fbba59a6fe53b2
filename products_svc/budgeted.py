"""What happens to all state on its way out, whatever its strategy: it is weighed."""

from products_svc.issuing import AccessPage, Issuer
from waybill.budget import Budget
from waybill.errors import StateTooLarge
from waybill.telemetry import StateMeter
from waybill.values import CarriedState


class BudgetedIssuer:
    """An issuer that refuses metadata over the budget before it is sent, and counts the rest.

    Args:
        issuer: what makes the state.
        budget: of the metadata; what travels in messages is not its business.
        meter: counts what is issued and what is refused.
    """

    def __init__(self, issuer: Issuer, budget: Budget, meter: StateMeter) -> None:
        self._issuer = issuer
        self._budget = budget
        self._meter = meter

    async def issue(self, page: AccessPage) -> CarriedState:
        """See `products_svc.issuing.Issuer`."""
        carried = await self._issuer.issue(page)
        try:
            self._budget.check(carried.metadata)
        except StateTooLarge as refusal:
            self._meter.refused(refusal)
            raise
        self._meter.carried(carried.size_bytes)
        return carried
