"""Carried state that is not what was issued. Where nothing is carried, nothing can be forged."""

import base64
import json
from collections.abc import Callable
from typing import Any

from shop.state.v2.state_pb2 import AccessState
from waybill.envelope import pre_authentication_encoding
from waybill.metadata import Entry, state_key
from waybill.signing import SigningKey, seal, sign_jwt
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.values import CarriedState


def tampered(carried: CarriedState) -> CarriedState:
    """One bit of each signed content flipped."""
    return CarriedState(
        tuple((key, _flipped_token(_text(value))) for key, value in carried.metadata),
        tuple(map(_flipped_envelope, carried.envelopes)),
    )


def for_audience(carried: CarriedState, audience: str, key: SigningKey) -> CarriedState:
    """Issued properly, for another service."""
    return _reissued(carried, key, lambda claims: {**claims, "aud": audience}, audience)


def padded(carried: CarriedState, size_bytes: int, key: SigningKey) -> CarriedState:
    """Issued properly, and larger than `size_bytes`."""
    return _reissued(
        carried, key, lambda claims: {**claims, "x": "x" * size_bytes}, "x" * size_bytes
    )


def of_version(carried: CarriedState, version: int, key: SigningKey) -> CarriedState:
    """Issued properly, in a version that no reader knows yet."""
    name = state_key(version)
    return CarriedState(
        tuple(
            (name, sign_jwt(_claims(_text(value)), key, typ=f"{name}+jwt"))
            for _, value in carried.metadata
        ),
        tuple(
            _of_type(each, f"shop.state.v{version}.AccessState", key) for each in carried.envelopes
        ),
    )


def _reissued(
    carried: CarriedState,
    key: SigningKey,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    audience: str,
) -> CarriedState:
    def token(entry: Entry) -> Entry:
        return entry[0], sign_jwt(change(_claims(_text(entry[1]))), key, typ=f"{entry[0]}+jwt")

    def envelope(sealed: Envelope) -> Envelope:
        state = AccessState.FromString(sealed.payload)
        state.audience = audience
        return seal(state, key)

    return CarriedState(
        tuple(map(token, carried.metadata)), tuple(map(envelope, carried.envelopes))
    )


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
