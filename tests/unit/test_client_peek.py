import base64
import json
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from client.peek import LAST_SECOND, Content, peek
from shop.state.v1 import state_pb2 as state_v1
from shop.state.v2 import state_pb2 as state_v2
from waybill import base64url, id_lists
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import CarriedState

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
CLAIMS: dict[str, Any] = {
    "iss": "products",
    "aud": "orders",
    "sub": "alice",
    "rev": 7,
    "iat": 1_800_000_000,
    "exp": 1_800_000_300,
}
CONTENT = Content("products", "orders", "alice", 7, 1_800_000_000, 1_800_000_300, ("a", "b"))


def token(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.sig"


def look(version: int, value: str | bytes) -> Content | None:
    (found,) = peek(CarriedState(metadata=((f"waybill-state-v{version}", value),)))
    return found.content


def envelope(kind: Any, **fields: Any) -> Envelope:
    state = kind(
        issuer="products",
        audience="orders",
        subject="alice",
        revision=7,
        issue_time=Timestamp(seconds=1_800_000_000),
        expire_time=Timestamp(seconds=1_800_000_300),
        **fields,
    )
    return Envelope(payload_type=kind.DESCRIPTOR.full_name, payload=state.SerializeToString())


def test_both_versions_of_a_token() -> None:
    assert look(1, token({**CLAIMS, "products": ["a", "b"]})) == CONTENT
    assert look(2, token({**CLAIMS, "grants": [["a", 5, 1], ["b", 0, None]]})) == CONTENT


def test_packed_lists_are_unpacked() -> None:
    packed = base64url.encode(id_lists.best(["b", "a"]))
    assert look(1, token({**CLAIMS, "products_packed": packed})) == CONTENT
    assert look(1, token({**CLAIMS, "products_packed": "AAAA"})) is None
    good, bad = (
        envelope(state_v1.AccessState, packed_product_ids=data)
        for data in (id_lists.best(["b", "a"]), b"\x00\x00")
    )
    looks = peek(CarriedState(envelopes=(good, bad)))
    assert [each.content for each in looks] == [CONTENT, None]


def test_both_versions_of_an_envelope() -> None:
    first = envelope(state_v1.AccessState, product_ids=["a", "b"])
    grants = [state_v2.Grant(product_id="a"), state_v2.Grant(product_id="b")]
    second = envelope(state_v2.AccessState, grants=grants)
    looks = peek(CarriedState(envelopes=(first, second)))
    assert [each.version for each in looks] == ["v1", "v2"]
    assert [each.content for each in looks] == [CONTENT, CONTENT]
    assert [each.size_bytes for each in looks] == [first.ByteSize(), second.ByteSize()]


def test_bytes_count_as_headers_do() -> None:
    (found,) = peek(CarriedState(metadata=(("waybill-state-v2", "x" * 100),)))
    assert found.size_bytes == len("waybill-state-v2") + 100 + 32


@given(st.text(), st.sampled_from(["waybill-state-v1", "waybill-state-v9"]))
@example("..", "waybill-state-v1")
@example(f"e30.{'W' * 100_000}.x", "waybill-state-v1")
def test_no_text_breaks_it(text: str, key: str) -> None:
    (found,) = peek(CarriedState(metadata=((key, text),)))
    assert found.content is None


def test_deep_nesting_does_not_break_it() -> None:
    payload = base64.urlsafe_b64encode(b"[" * 90_000).decode()
    assert look(1, f"e30.{payload}.x") is None


@given(st.sampled_from([*CLAIMS, "products", "grants"]), JSON)
def test_no_claim_breaks_it(name: str, value: Any) -> None:
    seen = look(2, token({**CLAIMS, "products": ["a"], name: value}))
    assert seen is None or seen.issuer == CLAIMS["iss"] or name == "iss"


@given(JSON)
def test_no_payload_breaks_it(payload: Any) -> None:
    assert look(2, token(payload)) is None


@pytest.mark.parametrize("time", [-1, LAST_SECOND + 1, 1e9, "1", True, None])
def test_times_that_cannot_be_shown_are_not_decoded(time: object) -> None:
    assert look(1, token({**CLAIMS, "products": [], "exp": time})) is None


@given(st.text(), st.binary())
@example("shop.state.v2.AccessState", b"\xff")
@example("shop.state.v3.AccessState", b"")
def test_no_envelope_breaks_it(payload_type: str, payload: bytes) -> None:
    envelope = Envelope(payload_type=payload_type, payload=payload)
    assert len(peek(CarriedState(envelopes=(envelope,)))) == 1


def test_a_version_that_is_unknown_here_is_named() -> None:
    (found,) = peek(CarriedState(envelopes=(Envelope(payload_type="shop.state.v3.AccessState"),)))
    assert (found.version, found.content) == ("v3", None)
