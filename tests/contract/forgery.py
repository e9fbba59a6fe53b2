"""Carried state that is not what was issued. Where nothing is carried, nothing can be forged."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orders_svc.versions import LEAF_FAMILY
from shop.state.v2.state_pb2 import AccessState
from tests.contract import proof_forgery, reference_forgery
from tests.contract.reference_forgery import References
from waybill.envelope import pre_authentication_encoding
from waybill.metadata import REFERENCE, Entry, state_key
from waybill.signing import SigningKey, seal, sign_jwt
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Forger:
    """One kind of forgery, on each thing that a strategy may carry."""

    token: Callable[[str, str], Entry]
    """Takes a metadata key and a token."""
    envelope: Callable[[Envelope], Envelope]
    proof: Callable[[PageProof], PageProof]
    handle: Callable[[str], str]

    def forge(self, carried: CarriedState) -> CarriedState:
        """All of `carried`, forged."""
        return CarriedState(
            tuple(self._entry(key, value) for key, value in carried.metadata),
            tuple(map(self.envelope, carried.envelopes)),
            tuple(map(self.proof, carried.proofs)),
        )

    def _entry(self, key: str, value: str | bytes) -> Entry:
        if key == REFERENCE:
            return key, self.handle(str(value))
        if isinstance(value, str):
            return self.token(key, value)
        return key, self.proof(PageProof.FromString(value)).SerializeToString()


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a forger inside of products has."""

    key: SigningKey
    references: References


def tampered(carried: CarriedState) -> CarriedState:
    """One bit of each signed content, or of each handle, flipped."""
    forger = Forger(
        _flipped_token,
        _flipped_envelope,
        proof_forgery.with_a_flipped_bit,
        reference_forgery.tampered,
    )
    return forger.forge(carried)


def for_audience(carried: CarriedState, audience: str, workshop: Workshop) -> CarriedState:
    """Issued properly, for another service."""

    def proof(shown: PageProof) -> PageProof:
        return proof_forgery.signed_anew(shown, workshop.key, LEAF_FAMILY, audience=audience)

    forger = Forger(
        lambda name, token: _signed(name, {**_claims(token), "aud": audience}, workshop.key),
        lambda envelope: _with_audience(envelope, audience, workshop.key),
        proof,
        lambda handle: workshop.references.for_audience(handle, audience),
    )
    return forger.forge(carried)


def padded(carried: CarriedState, size_bytes: int, workshop: Workshop) -> CarriedState:
    """Issued properly, and larger than `size_bytes`; a handle has no room, so it gets a tail."""
    padding = "x" * size_bytes

    def proof(shown: PageProof) -> PageProof:
        return proof_forgery.signed_anew(
            shown, workshop.key, LEAF_FAMILY, more_leaves=[padding.encode()]
        )

    forger = Forger(
        lambda name, token: _signed(name, {**_claims(token), "x": padding}, workshop.key),
        lambda envelope: _with_audience(envelope, padding, workshop.key),
        proof,
        lambda handle: handle + padding,
    )
    return forger.forge(carried)


def of_version(carried: CarriedState, version: int, workshop: Workshop) -> CarriedState:
    """Issued properly, in a version that no reader knows yet."""

    def proof(shown: PageProof) -> PageProof:
        return proof_forgery.signed_anew(shown, workshop.key, LEAF_FAMILY, version=version)

    forger = Forger(
        lambda _, token: _signed(state_key(version), _claims(token), workshop.key),
        lambda envelope: _of_type(envelope, f"shop.state.v{version}.AccessState", workshop.key),
        proof,
        lambda handle: workshop.references.of_version(handle, version),
    )
    return forger.forge(carried)


def _signed(name: str, claims: Claims, key: SigningKey) -> Entry:
    return name, sign_jwt(claims, key, typ=f"{name}+jwt")


def _with_audience(envelope: Envelope, audience: str, key: SigningKey) -> Envelope:
    state = AccessState.FromString(envelope.payload)
    state.audience = audience
    return seal(state, key)


def _of_type(envelope: Envelope, payload_type: str, key: SigningKey) -> Envelope:
    signed = pre_authentication_encoding(payload_type, envelope.payload)
    return Envelope(
        payload_type=payload_type,
        payload=envelope.payload,
        signatures=[Signature(key_id=key.key_id, signature=key.sign(signed))],
    )


def _flipped_token(name: str, token: str) -> Entry:
    head, payload, signature = token.split(".")
    data = bytearray(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    data[len(data) // 2] ^= 1
    forged = base64.urlsafe_b64encode(data).decode().rstrip("=")
    return name, ".".join([head, forged, signature])


def _flipped_envelope(envelope: Envelope) -> Envelope:
    forged = Envelope()
    forged.CopyFrom(envelope)
    data = bytearray(forged.payload)
    data[len(data) // 2] ^= 1
    forged.payload = bytes(data)
    return forged


def _claims(token: str) -> Claims:
    payload = token.split(".")[1]
    claims: Claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
