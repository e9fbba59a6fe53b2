"""State in messages: signed envelopes, copied from the answer into the order."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from client.carriers.base import KeptPage
from client.carriers.covering import combined
from waybill.values import CarriedState


class MessageFieldCarrier:
    """Copies every envelope as it came, of all versions: the reader takes what it can read."""

    travels: ClassVar[bool] = True

    def keep(self, arrived: CarriedState) -> CarriedState:
        return CarriedState(envelopes=arrived.envelopes)

    def carry(self, pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
        return CarriedState(envelopes=combined(pages, product_ids).envelopes)
