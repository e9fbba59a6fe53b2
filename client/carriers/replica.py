"""No state travels with calls: the orders service keeps a copy of its own."""

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from client.carriers.base import KeptPage
from waybill.metadata import Entry
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import CarriedState


class ReplicaCarrier:
    """Carries nothing."""

    travels: ClassVar[bool] = False

    def keep(
        self,
        initial_metadata: Iterable[Entry],  # noqa: ARG002
        envelopes: Iterable[Envelope],  # noqa: ARG002
    ) -> CarriedState:
        return CarriedState()

    def carry(
        self,
        pages: Sequence[KeptPage],  # noqa: ARG002
        product_ids: Collection[str],  # noqa: ARG002
    ) -> CarriedState:
        return CarriedState()
