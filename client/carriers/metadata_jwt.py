"""State in metadata: signed tokens, one or more values under a key for each version."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from client.carriers.base import KeptPage
from client.carriers.covering import combined
from waybill.metadata import state_key
from waybill.values import CarriedState

STATE_KEY_PREFIX = state_key(0).removesuffix("0")


class MetadataJwtCarrier:
    """Copies every state entry as it came, of all versions: the reader takes what it can read."""

    travels: ClassVar[bool] = True

    def keep(self, arrived: CarriedState) -> CarriedState:
        return CarriedState(
            metadata=tuple(entry for entry in arrived.metadata if _is_state(entry[0]))
        )

    def carry(self, pages: Sequence[KeptPage], product_ids: Collection[str]) -> CarriedState:
        return CarriedState(metadata=combined(pages, product_ids).metadata)


def _is_state(key: str) -> bool:
    return key.startswith(STATE_KEY_PREFIX) and key.removeprefix(STATE_KEY_PREFIX).isdecimal()
