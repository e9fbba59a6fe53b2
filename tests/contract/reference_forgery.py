"""References that lead to what was not issued, or to nothing. Forging needs the store."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import valkey
from google.protobuf import proto
from google.protobuf.any_pb2 import Any

from shop.state.v2.state_pb2 import AccessState
from waybill import base64url
from waybill.metadata import REFERENCE, Entry
from waybill.references import record
from waybill.references.handle import name_of, new_handle
from waybill.state_reader import family_pattern

FAMILY = family_pattern("shop.state.v{version}.AccessState")
AUDIENCE = "orders"


@dataclass(frozen=True, slots=True)
class References:
    """The store of a shop, as one who may write to it sees it."""

    url: str
    prefix: str

    def for_audience(self, handle: str, audience: str) -> str:
        """A handle of the same state for another service."""

        def change(state: AccessState) -> bytes:
            state.audience = audience
            return record.encode([state])

        return self._reissued(handle, audience, change)

    def of_version(self, handle: str, version: int) -> str:
        """A handle of the same state in another version."""

        def change(state: AccessState) -> bytes:
            name = f"type.googleapis.com/shop.state.v{version}.AccessState"
            filed = BytesIO()
            proto.serialize_length_prefixed(
                Any(type_url=name, value=state.SerializeToString()), filed
            )
            return filed.getvalue()

        return self._reissued(handle, AUDIENCE, change)

    def _reissued(self, handle: str, audience: str, change: Callable[[AccessState], bytes]) -> str:
        new = new_handle()
        with valkey.Valkey.from_url(self.url) as client:
            held = client.get(self._key(handle, AUDIENCE))
            state = AccessState.FromString(record.decode(held, FAMILY)[2])
            client.set(self._key(new, audience), change(state))
        return new

    def _key(self, handle: str, audience: str) -> bytes:
        return f"{self.prefix}record:".encode() + name_of(handle, audience)


def tampered(handle: str) -> str:
    """One bit flipped."""
    data = bytearray(base64url.decode(handle.encode()))
    data[len(data) // 2] ^= 1
    return base64url.encode(bytes(data))


def is_reference(entry: Entry) -> bool:
    """Whether `entry` carries a handle."""
    return entry[0] == REFERENCE
