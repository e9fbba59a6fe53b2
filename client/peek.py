"""A look into carried state, believing nothing: for people only, never for a decision."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from client.carriers.metadata_jwt import STATE_KEY_PREFIX
from client.carriers.page_proof import product_id_of
from shop.state.v1 import state_pb2 as state_v1
from shop.state.v2 import state_pb2 as state_v2
from waybill import id_lists
from waybill.metadata import REFERENCE, Entry, size_bytes
from waybill.v1.envelope_pb2 import Envelope
from waybill.v1.page_proof_pb2 import PageProof, PageRoot
from waybill.values import CarriedState

PROOF_TYPE = PageProof.DESCRIPTOR.full_name
LAST_SECOND = 253_402_300_799
"""The end of the year 9999: later times cannot be shown."""
OPAQUE = "opaque"
"""What stands for a version where there is nothing to look into: a handle says nothing."""
UNDECODABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    DecodeError,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a state claims of itself. Times are seconds since the Unix epoch.

    `issuer` and `audience` are None where they are signed and do not travel.
    """

    issuer: str | None
    audience: str | None
    subject: str
    revision: int
    issue_time: int
    expire_time: int
    product_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peek:
    """One carried state: as what it travels, in how many bytes, and what it claims.

    `content` is None where it cannot be decoded, is of a version that is not known here, or is not
    here at all.
    """

    travels_as: str
    version: str
    size_bytes: int
    content: Content | None


def peek(carried: CarriedState) -> list[Peek]:
    """A look at each state of `carried`, in order. Never raises on what it finds."""
    return [
        *(_peek_entry(entry) for entry in carried.metadata),
        *(_peek_envelope(envelope) for envelope in carried.envelopes),
        *(_peek_proof(PROOF_TYPE, proof, proof.ByteSize()) for proof in carried.proofs),
    ]


def _peek_entry(entry: Entry) -> Peek:
    key, value = entry
    if key == REFERENCE:
        return Peek(key, OPAQUE, size_bytes([entry]), None)
    if isinstance(value, bytes):
        return _peek_proof(key, _proof(value), size_bytes([entry]))
    version = f"v{key.removeprefix(STATE_KEY_PREFIX)}"
    return Peek(key, version, size_bytes([entry]), _content(_jwt_content, value))


def _peek_envelope(envelope: Envelope) -> Peek:
    name = envelope.payload_type
    version = name.split(".")[-2] if "." in name else "?"
    return Peek(name, version, envelope.ByteSize(), _content(_envelope_content, envelope))


def _peek_proof(travels_as: str, proof: PageProof | None, size: int) -> Peek:
    version = "?" if proof is None else f"v{proof.version}"
    return Peek(travels_as, version, size, _content(_proof_content, proof))


def _proof(value: bytes) -> PageProof | None:
    try:
        return PageProof.FromString(value)
    except DecodeError:
        return None


def _content(decode: Callable[[Any], Content], carried: object) -> Content | None:
    try:
        content = decode(carried)
    except UNDECODABLE:
        return None
    times = (content.issue_time, content.expire_time)
    return content if all(0 <= time <= LAST_SECOND for time in times) else None


def _jwt_content(token: str) -> Content:
    _, payload, _ = token.split(".")
    claims = json.loads(_base64url(payload))
    return Content(
        issuer=_text(claims["iss"]),
        audience=_text(claims["aud"]),
        subject=_text(claims["sub"]),
        revision=_number(claims["rev"]),
        issue_time=_number(claims["iat"]),
        expire_time=_number(claims["exp"]),
        product_ids=_jwt_product_ids(claims),
    )


def _jwt_product_ids(claims: Mapping[str, Any]) -> tuple[str, ...]:
    if "grants" in claims:
        return tuple(_text(grant[0]) for grant in claims["grants"])
    if "products_packed" in claims:
        return id_lists.decode(_base64url(_text(claims["products_packed"])))
    return tuple(_text(product_id) for product_id in claims["products"])


def _envelope_content(envelope: Envelope) -> Content:
    state, product_ids = PAYLOADS[envelope.payload_type](envelope.payload)
    return Content(
        issuer=state.issuer,
        audience=state.audience,
        subject=state.subject,
        revision=state.revision,
        issue_time=state.issue_time.seconds,
        expire_time=state.expire_time.seconds,
        product_ids=product_ids,
    )


def _proof_content(proof: PageProof) -> Content:
    said = PageRoot.FromString(proof.statement)
    return Content(
        issuer=None,
        audience=None,
        subject=said.subject,
        revision=said.revision,
        issue_time=said.issue_time,
        expire_time=said.issue_time + said.lifetime,
        product_ids=tuple(product_id_of(leaf) for leaf in proof.leaves),
    )


AnyState = state_v1.AccessState | state_v2.AccessState


def _state_v1(payload: bytes) -> tuple[AnyState, tuple[str, ...]]:
    state = state_v1.AccessState.FromString(payload)
    if state.packed_product_ids:
        return state, id_lists.decode(state.packed_product_ids)
    return state, tuple(state.product_ids)


def _state_v2(payload: bytes) -> tuple[AnyState, tuple[str, ...]]:
    state = state_v2.AccessState.FromString(payload)
    return state, tuple(grant.product_id for grant in state.grants)


PAYLOADS: Final[Mapping[str, Callable[[bytes], tuple[AnyState, tuple[str, ...]]]]] = {
    state_v1.AccessState.DESCRIPTOR.full_name: _state_v1,
    state_v2.AccessState.DESCRIPTOR.full_name: _state_v2,
}


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value
