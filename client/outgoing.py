"""The step between carrier and call, for every strategy: state is weighed before it is sent."""

from collections.abc import Sequence

from client.channels import Limits
from client.errors import OverBudget
from waybill.budget import RESERVE_BYTES, Budget, OnWarning, chosen_budget, silent
from waybill.errors import StateTooLarge
from waybill.header_caps import Use
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry, size_bytes
from waybill.strategy import Strategy
from waybill.telemetry import StateMeter
from waybill.values import CarriedState

GRPC_ENTRIES_BYTES = 560
"""What gRPC for Python sends of its own, pseudo headers included, as header list."""


def own_metadata(token: str, strategy: Strategy) -> tuple[Entry, ...]:
    """What every call of a client carries."""
    return ((AUTHORIZATION, f"Bearer {token}"), (STRATEGY, strategy.value))


def request_budget(limits: Limits, own: Sequence[Entry], on_warning: OnWarning = silent) -> Budget:
    """What state may weigh beside `own`. A long credential leaves less; a short one not more.

    Raises:
        ValueError: a hop of the path is not known.
    """
    return chosen_budget(
        limits.path_hops,
        limits.state_budget_bytes,
        reserve_bytes=max(RESERVE_BYTES, GRPC_ENTRIES_BYTES + size_bytes(own)),
        on_warning=on_warning,
    )


class Outgoing:
    """Weighs what goes out. `near` is the use of the budget that the latest one came close to."""

    def __init__(self, limits: Limits, own: Sequence[Entry], meter: StateMeter) -> None:
        self.near: Use | None = None
        self._budget = request_budget(limits, own, self._warn)
        self._meter = meter

    def checked(self, carried: CarriedState) -> CarriedState:
        """`carried`, if it passes all along the path.

        Raises:
            OverBudget: it does not.
        """
        self.near = None
        try:
            self._budget.check(carried.metadata)
        except StateTooLarge as refusal:
            self._meter.refused(refusal)
            raise OverBudget(facts=refusal.facts) from refusal
        self._meter.carried(carried.size_bytes)
        return carried

    def _warn(self, use: Use) -> None:
        self.near = use
