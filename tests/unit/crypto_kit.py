"""Keys, a clock, and a forge that signs anything, so that a flaw is not hidden by its signature."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from waybill import base64url
from waybill.expectations import Expectations
from waybill.jwt import STATE_REFUSALS, JwtVerifier
from waybill.keys import KeySet, KeySource, StaticKeys
from waybill.signing import SigningKey
from waybill.state_reader import EnvelopeStateReader, JwtStateReader
from waybill.testing import FakeClock
from waybill.values import State
from waybill.verified_cache import VerifiedCache

CLOCK = FakeClock()
NOW = int(CLOCK())
TTL_S = 300
LEEWAY_S = 5
KEY = SigningKey.generate()
OTHER_KEY = SigningKey.generate()
KEYS = StaticKeys(KeySet.of(KEY.verifying_key()))
TYP = "waybill-state-v1+jwt"
FAMILY = "shop.state.v{version}.AccessState"
IDS = ("SKU-1", "SKU-2")


@cache
def key_of(algorithm: str) -> SigningKey:
    """One key for each algorithm; an RSA key takes a while to find."""
    return SigningKey.generate(algorithm)


def claims(**changes: object) -> dict[str, object]:
    """Claims of a good v1 state; a change to None takes the claim away."""
    good: dict[str, object] = {
        "iss": "products",
        "aud": "orders",
        "sub": "ada",
        "iat": NOW,
        "exp": NOW + TTL_S,
        "rev": 7,
        "products": list(IDS),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def header(**changes: object) -> dict[str, object]:
    """A good header; a change to None takes the name away."""
    good: dict[str, object] = {"alg": "EdDSA", "kid": KEY.key_id, "typ": TYP}
    return {name: value for name, value in (good | changes).items() if value is not None}


def as_json(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def forge(
    head: Mapping[str, object] | bytes | None = None,
    body: Mapping[str, object] | bytes | None = None,
    key: SigningKey = KEY,
) -> str:
    """A compact JWS of exactly these parts, as objects or raw bytes, with a good signature."""
    head = header() if head is None else head
    body = claims() if body is None else body
    signing_input = f"{base64url.encode(as_json(head))}.{base64url.encode(as_json(body))}"
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def verifier(keys: KeySource = KEYS, **changes: Any) -> JwtVerifier:
    settings: dict[str, Any] = {
        "typ": TYP,
        "issuer": "products",
        "audience": "orders",
        "refusals": STATE_REFUSALS,
        "clock": CLOCK,
        "leeway_s": LEEWAY_S,
    }
    return JwtVerifier(keys, **(settings | changes))


def ids_of_claims(found: Mapping[str, Any]) -> tuple[str, ...]:
    """A decoder of v1 claims, of the tests' own."""
    ids = found["products"]
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
        raise TypeError("products")
    return tuple(ids)


def ids_of_grants(found: Mapping[str, Any]) -> tuple[str, ...]:
    """A decoder of v2 claims, of the tests' own."""
    return tuple(grant[0] for grant in found["grants"])


def jwt_reader(
    keys: KeySource = KEYS,
    *,
    clock: FakeClock = CLOCK,
    cache: VerifiedCache | None = None,
    max_bytes: int = 16384,
) -> JwtStateReader[tuple[str, ...]]:
    return JwtStateReader(
        keys,
        Expectations("products", "orders", clock, LEEWAY_S),
        decoders={1: ids_of_claims, 2: ids_of_grants},
        max_bytes=max_bytes,
        cache=cache,
    )


def message_v1(**changes: Any) -> v1.AccessState:
    fields: dict[str, Any] = {
        "issuer": "products",
        "audience": "orders",
        "subject": "ada",
        "revision": 7,
        "issue_time": {"seconds": NOW},
        "expire_time": {"seconds": NOW + TTL_S},
        "product_ids": IDS,
    }
    return v1.AccessState(**(fields | changes))


def message_v2(**changes: Any) -> v2.AccessState:
    v1_fields: dict[str, Any] = {
        "issuer": "products",
        "audience": "orders",
        "subject": "ada",
        "revision": 7,
        "issue_time": {"seconds": NOW},
        "expire_time": {"seconds": NOW + TTL_S},
        "grants": [v2.Grant(product_id=i) for i in IDS],
    }
    return v2.AccessState(**(v1_fields | changes))


def _state(
    message: v1.AccessState | v2.AccessState, ids: tuple[str, ...]
) -> State[tuple[str, ...]]:
    return State(
        message.issuer,
        message.audience,
        message.subject,
        message.revision,
        message.issue_time.seconds,
        message.expire_time.seconds,
        ids,
    )


def state_of_v1(payload: bytes) -> State[tuple[str, ...]]:
    message = v1.AccessState.FromString(payload)
    return _state(message, tuple(message.product_ids))


def state_of_v2(payload: bytes) -> State[tuple[str, ...]]:
    message = v2.AccessState.FromString(payload)
    return _state(message, tuple(grant.product_id for grant in message.grants))


def envelope_reader(
    keys: KeySource = KEYS,
    *,
    clock: FakeClock = CLOCK,
    cache: VerifiedCache | None = None,
    max_bytes: int = 16384,
) -> EnvelopeStateReader[tuple[str, ...]]:
    return EnvelopeStateReader(
        keys,
        Expectations("products", "orders", clock, LEEWAY_S),
        family=FAMILY,
        decoders={1: state_of_v1, 2: state_of_v2},
        max_bytes=max_bytes,
        cache=cache,
    )
