"""A handle in metadata: the state that it stands for stays in a store between the services."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from client.carriers.base import KeptPage
from client.carriers.covering import combined
from waybill.metadata import REFERENCE
from waybill.values import CarriedState


class ReferenceCarrier:
    """Copies each page's handle as it came. It is a secret: whoever has it may show it."""

    travels: ClassVar[bool] = True

    def keep(self, arrived: CarriedState) -> CarriedState:
        return CarriedState(
            metadata=tuple(entry for entry in arrived.metadata if entry[0] == REFERENCE)
        )

    def carry(self, pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
        return CarriedState(metadata=combined(pages, product_ids).metadata)
