"""State in messages: signed envelopes, copied from the answer into the order."""

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from client.carriers.base import KeptPage
from client.carriers.covering import combined
from waybill.metadata import Entry
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import CarriedState


class MessageFieldCarrier:
    """Copies every envelope as it came, of all versions: the reader takes what it can read."""

    travels: ClassVar[bool] = True

    def keep(
        self,
        initial_metadata: Iterable[Entry],  # noqa: ARG002 - another strategy's
        envelopes: Iterable[Envelope],
    ) -> CarriedState:
        return CarriedState(envelopes=tuple(envelopes))

    def carry(self, pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
        return CarriedState(envelopes=combined(pages, product_ids).envelopes)
