"""Carried state that is not what was issued. Where nothing is carried, nothing can be forged."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shop.state.v2.state_pb2 import AccessState
from tests.contract import reference_forgery
from tests.contract.reference_forgery import References, is_reference
from waybill.envelope import pre_authentication_encoding
from waybill.metadata import Entry, state_key
from waybill.signing import SigningKey, seal, sign_jwt
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.values import CarriedState


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a forger inside of products has."""

    key: SigningKey
    references: References


def tampered(carried: CarriedState) -> CarriedState:
    """One bit of each signed content, or of each handle, flipped."""
    return CarriedState(
        tuple((entry[0], _flipped(entry)) for entry in carried.metadata),
        tuple(map(_flipped_envelope, carried.envelopes)),
    )


def for_audience(carried: CarriedState, audience: str, workshop: Workshop) -> CarriedState:
    """Issued properly, for another service."""

    def value(entry: Entry) -> str:
        if is_reference(entry):
            return workshop.references.for_audience(_text(entry[1]), audience)
        return _resigned(entry, workshop.key, aud=audience)

    def envelope(sealed: Envelope) -> Envelope:
        return _resealed(sealed, workshop.key, audience)

    return _each(carried, value, envelope)


def padded(carried: CarriedState, size_bytes: int, workshop: Workshop) -> CarriedState:
    """Issued properly, and larger than `size_bytes`; a handle has no room, so it gets a tail."""
    padding = "x" * size_bytes

    def value(entry: Entry) -> str:
        if is_reference(entry):
            return _text(entry[1]) + padding
        return _resigned(entry, workshop.key, x=padding)

    def envelope(sealed: Envelope) -> Envelope:
        return _resealed(sealed, workshop.key, padding)

    return _each(carried, value, envelope)


def of_version(carried: CarriedState, version: int, workshop: Workshop) -> CarriedState:
    """Issued properly, in a version that no reader knows yet."""
    name = state_key(version)

    def entry(old: Entry) -> Entry:
        if is_reference(old):
            return old[0], workshop.references.of_version(_text(old[1]), version)
        return name, sign_jwt(_claims(_text(old[1])), workshop.key, typ=f"{name}+jwt")

    return CarriedState(
        tuple(map(entry, carried.metadata)),
        tuple(
            _of_type(each, f"shop.state.v{version}.AccessState", workshop.key)
            for each in carried.envelopes
        ),
    )


def _each(
    carried: CarriedState, value: Callable[[Entry], str], envelope: Callable[[Envelope], Envelope]
) -> CarriedState:
    return CarriedState(
        tuple((entry[0], value(entry)) for entry in carried.metadata),
        tuple(map(envelope, carried.envelopes)),
    )


def _resigned(entry: Entry, key: SigningKey, **changes: str) -> str:
    claims = {**_claims(_text(entry[1])), **changes}
    return sign_jwt(claims, key, typ=f"{entry[0]}+jwt")


def _resealed(sealed: Envelope, key: SigningKey, audience: str) -> Envelope:
    state = AccessState.FromString(sealed.payload)
    state.audience = audience
    return seal(state, key)


def _flipped(entry: Entry) -> str:
    flip = reference_forgery.tampered if is_reference(entry) else _flipped_token
    return flip(_text(entry[1]))


def _of_type(envelope: Envelope, payload_type: str, key: SigningKey) -> Envelope:
    signed = pre_authentication_encoding(payload_type, envelope.payload)
    return Envelope(
        payload_type=payload_type,
        payload=envelope.payload,
        signatures=[Signature(key_id=key.key_id, signature=key.sign(signed))],
    )


def _flipped_token(token: str) -> str:
    head, payload, signature = token.split(".")
    data = bytearray(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    data[len(data) // 2] ^= 1
    return ".".join([head, base64.urlsafe_b64encode(data).decode().rstrip("="), signature])


def _flipped_envelope(envelope: Envelope) -> Envelope:
    forged = Envelope()
    forged.CopyFrom(envelope)
    data = bytearray(forged.payload)
    data[len(data) // 2] ^= 1
    forged.payload = bytes(data)
    return forged


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return claims


def _text(value: str | bytes) -> str:
    assert isinstance(value, str)
    return value
