"""State in metadata: signed tokens, one or more values under a key for each version."""

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from client.carriers.base import KeptPage
from client.carriers.covering import combined
from waybill.metadata import Entry, state_key
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import CarriedState

STATE_KEY_PREFIX = state_key(0).removesuffix("0")


class MetadataJwtCarrier:
    """Copies every state entry as it came, of all versions: the reader takes what it can read."""

    travels: ClassVar[bool] = True

    def keep(
        self,
        initial_metadata: Iterable[Entry],
        envelopes: Iterable[Envelope],  # noqa: ARG002 - another strategy's
    ) -> CarriedState:
        return CarriedState(
            metadata=tuple(entry for entry in initial_metadata if _is_state(entry[0]))
        )

    def carry(self, pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
        return CarriedState(metadata=combined(pages, product_ids).metadata)


def _is_state(key: str) -> bool:
    return key.startswith(STATE_KEY_PREFIX) and key.removeprefix(STATE_KEY_PREFIX).isdecimal()
