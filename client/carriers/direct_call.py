"""No state travels with calls: the orders service asks the products service itself."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from client.carriers.base import KeptPage
from waybill.values import CarriedState


class DirectCallCarrier:
    """Carries nothing."""

    travels: ClassVar[bool] = False

    def keep(self, arrived: CarriedState) -> CarriedState:  # noqa: ARG002
        return CarriedState()

    def carry(
        self,
        pages: Sequence[KeptPage],  # noqa: ARG002
        product_ids: Collection[str],  # noqa: ARG002
    ) -> CarriedState:
        return CarriedState()
