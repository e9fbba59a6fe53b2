"""Makes the vectors anew: `python -m tests.vectors.make`, after a wanted change of format.

The key is the published example of RFC 8037, appendix A: everybody has it, so nothing may trust it.
Each vector says what a reader of this library makes of it: the state, or the reason of the refusal.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from waybill import base64url, id_lists
from waybill.minting import from_claim, ids_of
from waybill.page_proof import WholePage
from waybill.page_signing import PageSigner
from waybill.signing import SigningKey, seal, sign_jwt
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import State

FILE = Path(__file__).parent / "state.json"
NOW = 1_800_000_000
KEY = SigningKey.from_private_jwk(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9w",
    }
)
STATE: dict[str, Any] = {
    "iss": "products",
    "aud": "orders",
    "sub": "ada",
    "iat": NOW,
    "exp": NOW + 300,
    "rev": 42,
}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""The example of W3C Trace Context, section 3.2."""
PRODUCTS = ["SKU-00000001", "SKU-00000002"]
PACKED = base64url.encode(id_lists.encode(PRODUCTS, "delta"))
GRANTS = [["SKU-00000001", 0, 12_500_000], ["SKU-00000002", 5, None]]


def token(version: int, **changes: object) -> str:
    """A state token of the test key; a change to None takes the claim away."""
    content: dict[str, object] = {"products": PRODUCTS} if version == 1 else {"grants": GRANTS}
    said = {name: value for name, value in (STATE | content | changes).items() if value is not None}
    return sign_jwt(said, KEY, typ=f"waybill-state-v{version}+jwt")


def user_token() -> str:
    """A user's access token of the test key (RFC 9068)."""
    said = {"iss": "waybill-dev", "aud": "shop", "sub": "ada", "roles": ["admin"]}
    return sign_jwt(said | {"iat": NOW, "exp": NOW + 3600}, KEY, typ="at+jwt")


def tampered(good: str) -> str:
    """The token with another subject under the same signature."""
    head, body, signature = good.split(".")
    said = base64url.decode(body.encode()).replace(b'"ada"', b'"eve"')
    return f"{head}.{base64url.encode(said)}.{signature}"


def _common(subject: str = "ada") -> dict[str, Any]:
    return {
        "issuer": "products",
        "audience": "orders",
        "subject": subject,
        "revision": 42,
        "issue_time": {"seconds": NOW},
        "expire_time": {"seconds": NOW + 300},
    }


def message_v1(subject: str = "ada") -> v1.AccessState:
    """The state of the vectors, version 1."""
    return v1.AccessState(product_ids=PRODUCTS, **_common(subject))


def packed_v1() -> v1.AccessState:
    """The same state with its ids packed."""
    return v1.AccessState(packed_product_ids=id_lists.encode(PRODUCTS, "delta"), **_common())


def message_v2() -> v2.AccessState:
    """The state of the vectors, version 2."""
    grants = [
        v2.Grant(product_id="SKU-00000001", unit_price_micros=12_500_000),
        v2.Grant(product_id="SKU-00000002", max_quantity=5),
    ]
    return v2.AccessState(grants=grants, **_common())


def with_other_payload(good: Envelope) -> Envelope:
    """The envelope with another subject's payload under the same signature."""
    other = Envelope()
    other.CopyFrom(good)
    other.payload = message_v1("eve").SerializeToString(deterministic=True)
    return other


def tokens() -> dict[str, dict[str, object]]:
    """By name: metadata key, token, and the expected claims or reason."""
    v1_key, v2_key = "waybill-state-v1", "waybill-state-v2"
    return {
        "v1": {"key": v1_key, "token": token(1), "claims": STATE | {"products": PRODUCTS}},
        "v1 packed": {
            "key": v1_key,
            "token": token(1, products=None, products_packed=PACKED),
            "claims": STATE | {"products_packed": PACKED},
        },
        "v2": {"key": v2_key, "token": token(2), "claims": STATE | {"grants": GRANTS}},
        "v2 traced": {
            "key": v2_key,
            "token": token(2, traceparent=TRACEPARENT),
            "claims": STATE | {"grants": GRANTS, "traceparent": TRACEPARENT},
        },
        "v1 tampered": {"key": v1_key, "token": tampered(token(1)), "reason": "STATE_INVALID"},
        "v1 as v2": {"key": v2_key, "token": token(1), "reason": "STATE_INVALID"},
        "v2 for another": {
            "key": v2_key,
            "token": token(2, aud="billing"),
            "reason": "STATE_INVALID",
        },
        "v2 expired": {
            "key": v2_key,
            "token": token(2, exp=NOW - 60),
            "reason": "STATE_EXPIRED",
        },
        "v3": {"key": "waybill-state-v3", "token": token(1), "reason": "STATE_VERSION_UNSUPPORTED"},
    }


def envelopes() -> dict[str, dict[str, str]]:
    """By name: the envelope in hexadecimal, and the expected payload or reason."""
    good_v1, good_v2 = seal(message_v1(), KEY), seal(message_v2(), KEY)
    traced = message_v2()
    traced.trace_id, traced.span_id = ids_of(from_claim(TRACEPARENT))
    good_traced = seal(traced, KEY)
    packed = seal(packed_v1(), KEY)
    twice = good_v1.SerializeToString() + good_v2.SerializeToString()
    return {
        "v1": {"envelope": _hex(good_v1), "payload": good_v1.payload.hex()},
        "v1 packed": {"envelope": _hex(packed), "payload": packed.payload.hex()},
        "v2": {"envelope": _hex(good_v2), "payload": good_v2.payload.hex()},
        "v2 traced": {"envelope": _hex(good_traced), "payload": good_traced.payload.hex()},
        "v1 tampered": {"envelope": _hex(with_other_payload(good_v1)), "reason": "STATE_INVALID"},
        "v1 and v2 concatenated": {"envelope": twice.hex(), "reason": "STATE_INVALID"},
    }


def page(version: int, leaves: list[bytes], **changes: Any) -> WholePage:
    """A signed page of the test key."""
    said = State("products", "orders", "ada", 42, NOW, NOW + 300, None)
    signer = PageSigner("shop.state.v{version}.Grant", version)
    return WholePage(signer.sign(replace(said, **changes), leaves, KEY))


def page_proofs() -> dict[str, dict[str, Any]]:
    """By name: the proof in hexadecimal, and the leaves that it proves or the reason."""
    ids = [v1.Grant(product_id=each).SerializeToString() for each in PRODUCTS]
    grants = [each.SerializeToString() for each in message_v2().grants]
    many = page(1, ids + [v1.Grant(product_id=f"P{n}").SerializeToString() for n in range(5)])
    tampered_proof = page(2, grants).narrowed([1])
    tampered_proof.leaves[0] = grants[0]
    return {
        "v1 whole": {
            "proof": _hex(page(1, ids).narrowed([0, 1])),
            "leaves": [each.hex() for each in ids],
        },
        "v2, one of two": {
            "proof": _hex(page(2, grants).narrowed([1])),
            "leaves": [grants[1].hex()],
        },
        "v1, three of seven": {
            "proof": _hex(many.narrowed([1, 2, 6])),
            "leaves": [many.leaves[place].hex() for place in (1, 2, 6)],
        },
        "v2 traced": {
            "proof": _hex(page(2, grants, minted_in=from_claim(TRACEPARENT)).narrowed([1])),
            "leaves": [grants[1].hex()],
        },
        "v2 with another leaf": {"proof": _hex(tampered_proof), "reason": "STATE_INVALID"},
        "v2 for another": {
            "proof": _hex(page(2, grants, audience="billing").narrowed([1])),
            "reason": "STATE_INVALID",
        },
        "v2 expired": {
            "proof": _hex(page(2, grants, expire_time=NOW - 60, issue_time=NOW - 90).narrowed([1])),
            "reason": "STATE_EXPIRED",
        },
        "v3": {
            "proof": _hex(page(3, grants).narrowed([1])),
            "reason": "STATE_VERSION_UNSUPPORTED",
        },
    }


def _hex(message: Message) -> str:
    return message.SerializeToString(deterministic=True).hex()


def vectors() -> str:
    """The whole file."""
    content = {
        "now": NOW,
        "private_jwk": KEY.to_private_jwk(),
        "user_token": user_token(),
        "tokens": tokens(),
        "envelopes": envelopes(),
        "page_proofs": page_proofs(),
    }
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(vectors())
