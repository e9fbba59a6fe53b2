"""What holds of every token, envelope and key set, whatever its bytes."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.crypto_kit import (
    KEY,
    KEYS,
    NOW,
    claims,
    envelope_reader,
    forge,
    header,
    jwt_reader,
    message_v1,
    verifier,
)
from waybill.envelope import decode_envelope, open_envelope, pre_authentication_encoding
from waybill.errors import StateExpired, StateInvalid, StateTooLarge, StateVersionUnsupported
from waybill.expectations import MAX_INTEGER
from waybill.keys import KeySet
from waybill.signing import seal, sign_jwt
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.values import VerifiedState

COMPACT = "ABCxyz019-_.= {"
SUBJECTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
REVISIONS = st.integers(0, MAX_INTEGER - 1)
IDS = st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=20)
TIMES = st.integers(0, NOW), st.integers(NOW + 1, MAX_INTEGER - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
GOOD = forge()
SEALED = seal(message_v1(), KEY)


def refused(token: str) -> bool:
    """Whether the verifier refuses `token`, with a declared error."""
    try:
        verifier().verify(token)
    except (StateExpired, StateInvalid, StateTooLarge):
        return True
    return False


@given(st.text(max_size=300) | st.text(alphabet=COMPACT, max_size=300))
@example("\ud800")
@settings(deadline=None, max_examples=300)
def test_arbitrary_text_is_refused(token: str) -> None:
    assert refused(token)


@given(st.binary(max_size=80), st.binary(max_size=80))
@settings(deadline=None, max_examples=200)
def test_arbitrary_parts_with_a_good_signature_are_refused(head: bytes, body: bytes) -> None:
    assert refused(forge(head, body))
    assert refused(forge(body=body))


@given(st.sampled_from(sorted(header())), JSON)
@settings(deadline=None, max_examples=200)
def test_any_other_header_value_is_refused(name: str, value: object) -> None:
    changed = header() | {name: value}
    assert refused(forge(changed)) == (changed != header())


@given(st.sampled_from(["iss", "aud", "iat", "exp", "nbf", "sub"]), JSON)
@settings(deadline=None, max_examples=300)
def test_any_claim_value_is_accepted_or_refused_as_declared(name: str, value: object) -> None:
    if not refused(forge(body=claims() | {name: value})):
        assert isinstance(value, str if name in {"iss", "sub"} else (int, str, list))


@given(st.integers(0, len(GOOD) - 1), st.characters() | st.sampled_from(COMPACT))
@settings(deadline=None, max_examples=500)
def test_a_token_with_one_other_character_is_refused(position: int, character: str) -> None:
    mutated = GOOD[:position] + character + GOOD[position + 1 :]
    assert refused(mutated) == (mutated != GOOD)


@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.text(COMPACT, max_size=5))
@settings(deadline=None, max_examples=300)
def test_a_token_cut_and_spliced_is_refused(start: int, end: int, piece: str) -> None:
    mutated = GOOD[:start] + piece + GOOD[end:]
    assert refused(mutated) == (mutated != GOOD)


@given(SUBJECTS, REVISIONS, *TIMES, IDS)
@settings(deadline=None, max_examples=100)
def test_any_state_survives_its_token(
    subject: str, revision: int, issued: int, expires: int, ids: list[str]
) -> None:
    said = claims(sub=subject, rev=revision, iat=issued, exp=expires, products=ids)
    carried = [("waybill-state-v1", sign_jwt(said, KEY, typ="waybill-state-v1+jwt"))]
    (state,) = jwt_reader().read(carried, subject=subject, min_revision=revision)
    assert state == VerifiedState(
        "products", "orders", subject, revision, issued, expires, tuple(ids)
    )


@given(SUBJECTS, REVISIONS, *TIMES, IDS)
@settings(deadline=None, max_examples=100)
def test_any_state_survives_its_envelope(
    subject: str, revision: int, issued: int, expires: int, ids: list[str]
) -> None:
    message = message_v1(
        subject=subject,
        revision=revision,
        issue_time={"seconds": issued},
        expire_time={"seconds": expires},
        product_ids=ids,
    )
    wire = seal(message, KEY).SerializeToString()
    carried = [decode_envelope(wire)]
    (state,) = envelope_reader().read(carried, subject=subject, min_revision=revision)
    assert state == VerifiedState(
        "products", "orders", subject, revision, issued, expires, tuple(ids)
    )


@given(st.binary(max_size=200))
@example(b"")
@settings(deadline=None, max_examples=300)
def test_arbitrary_bytes_are_no_envelope_that_opens(data: bytes) -> None:
    try:
        envelope = decode_envelope(data)
    except StateInvalid:
        return
    assert envelope.SerializeToString(deterministic=True) == data
    try:
        open_envelope(envelope, KEYS)
    except StateInvalid:
        return
    raise AssertionError("opened")


@given(
    st.text(st.characters(codec="utf-8"), max_size=40)
    | st.sampled_from(["shop.state.v1.AccessState", "shop.state.v2.AccessState"]),
    st.binary(max_size=60),
)
@settings(deadline=None, max_examples=300)
def test_arbitrary_authentic_envelopes_are_refused_as_declared(kind: str, payload: bytes) -> None:
    signature = KEY.sign(pre_authentication_encoding(kind, payload))
    envelope = Envelope(
        payload_type=kind,
        payload=payload,
        signatures=[Signature(key_id=KEY.key_id, signature=signature)],
    )
    with pytest.raises((StateInvalid, StateVersionUnsupported)):
        envelope_reader().read([envelope], subject="ada", min_revision=0)


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_mutated_envelope_never_opens(data: st.DataObject) -> None:
    wire = SEALED.SerializeToString()
    start, end = data.draw(st.integers(0, len(wire))), data.draw(st.integers(0, len(wire)))
    mutated = wire[:start] + data.draw(st.binary(max_size=5)) + wire[end:]
    try:
        open_envelope(decode_envelope(mutated), KEYS)
    except StateInvalid:
        return
    assert mutated == wire


@given(st.text(max_size=20), st.binary(max_size=20), st.text(max_size=20), st.binary(max_size=20))
@settings(deadline=None)
def test_what_is_signed_is_unambiguous(k1: str, p1: bytes, k2: str, p2: bytes) -> None:
    one, two = pre_authentication_encoding(k1, p1), pre_authentication_encoding(k2, p2)
    assert (one == two) == ((k1, p1) == (k2, p2))


def key_sets() -> st.SearchStrategy[str]:
    """Almost key sets: good keys with members replaced by anything."""
    names = st.sampled_from([*KEY.to_public_jwk(), "key_ops", "d", "other"])
    jwk = st.dictionaries(names, JSON, max_size=3).map(lambda c: KEY.to_public_jwk() | c)
    keys: st.SearchStrategy[Any] = st.lists(jwk | JSON, max_size=3)
    return (keys | JSON).map(lambda value: json.dumps({"keys": value}))


@given(key_sets() | st.text(max_size=50) | st.binary(max_size=50))
@settings(deadline=None, max_examples=500)
def test_arbitrary_key_sets_are_read_or_refused(text: str | bytes) -> None:
    try:
        keys = KeySet.from_jwks(text)
    except ValueError:
        return
    assert len(keys) <= 3


def test_what_is_good_is_not_refused() -> None:
    assert not refused(GOOD)
