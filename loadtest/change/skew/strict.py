"""The strict reader: refuses every claim and field that it does not know, and other versions.

It is here as the contrast and nowhere in the library: a reader that refuses what is new to it turns
every addition of a producer into an outage of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from orders_svc.access import AccessQuery, Grant, Resolver
from orders_svc.grants import Grants
from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from waybill.errors import StateVersionUnsupported
from waybill.metadata import PROOF, state_key
from waybill.page_proof import decode_proof
from waybill.references import record
from waybill.references.store import ReferenceSource
from waybill.state_reader import family_pattern
from waybill.values import State

OWN_CLAIMS: Mapping[int, frozenset[str]] = {
    version: frozenset({"iss", "aud", "sub", "iat", "exp", "rev", own})
    for version, own in ((1, "products"), (2, "grants"))
}
"""All that a token of a version had when the reader was written."""
_GRANT_VALUES = 3
_MESSAGES: Mapping[int, type[Message]] = {1: v1.AccessState, 2: v2.AccessState}
_LEAVES: Mapping[int, type[Message]] = {1: v1.Grant, 2: v2.Grant}
_STATE_KEYS = state_key(0).removesuffix("0")


class UnknownContent(ValueError):
    """There is something that the reader does not know; readers make StateInvalid of it."""


def strict_claims(
    version: int, decoder: Callable[[Mapping[str, Any]], Grants]
) -> Callable[[Mapping[str, Any]], Grants]:
    """`decoder` for claims that hold nothing unknown."""

    def decode(claims: Mapping[str, Any]) -> Grants:
        long = any(len(grant) > _GRANT_VALUES for grant in claims.get("grants", ()))
        if claims.keys() - OWN_CLAIMS[version] or long:
            raise UnknownContent
        return decoder(claims)

    return decode


def strict_message(
    version: int, decoder: Callable[[bytes], State[Grants]]
) -> Callable[[bytes], State[Grants]]:
    """`decoder` for messages that hold nothing unknown."""

    def decode(payload: bytes) -> State[Grants]:
        _refuse_unknown(_MESSAGES[version].FromString(payload))
        return decoder(payload)

    return decode


def strict_leaf(
    version: int, decoder: Callable[[bytes, int], Grant]
) -> Callable[[bytes, int], Grant]:
    """`decoder` for leaves that hold nothing unknown."""

    def decode(leaf: bytes, revision: int) -> Grant:
        _refuse_unknown(_LEAVES[version].FromString(leaf))
        return decoder(leaf, revision)

    return decode


def _refuse_unknown(message: Message) -> None:
    if len(UnknownFieldSet(message)):
        raise UnknownContent
    for grant in getattr(message, "grants", ()):
        _refuse_unknown(grant)


class OneVersion:
    """A resolver that refuses a call which shows any version but its own."""

    def __init__(
        self, inner: Resolver, shown: Callable[[AccessQuery], Sequence[str]], own: str
    ) -> None:
        """`shown` names the versions that a call shows, as `own` names the only accepted one."""
        self._inner = inner
        self._shown = shown
        self._own = own

    async def resolve(self, query: AccessQuery) -> Mapping[str, Grant]:
        """See `orders_svc.access.Resolver`."""
        if any(shown != self._own for shown in self._shown(query)):
            raise StateVersionUnsupported
        return await self._inner.resolve(query)


def keys_shown(query: AccessQuery) -> Sequence[str]:
    """The metadata keys of tokens."""
    return [key for key, _ in query.metadata if key.startswith(_STATE_KEYS)]


def types_shown(query: AccessQuery) -> Sequence[str]:
    """The payload types of envelopes."""
    return [envelope.payload_type for envelope in query.envelopes]


def proofs_shown(query: AccessQuery) -> Sequence[str]:
    """The versions of page proofs."""
    carried = [decode_proof(value) for key, value in query.metadata if key == PROOF]  # type: ignore[arg-type] # a binary key
    return [str(proof.version) for proof in (*carried, *query.proofs)]


class OneVersionSource:
    """A store of references whose records may hold one version only."""

    def __init__(self, inner: ReferenceSource, family: str, version: int) -> None:
        self._inner = inner
        self._family = family_pattern(family)
        self._version = version

    async def get(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """See `waybill.references.store.ReferenceSource`."""
        found = await self._inner.get(names)
        for held in found:
            if held is not None and set(record.decode(held, self._family)) != {self._version}:
                raise StateVersionUnsupported
        return found
