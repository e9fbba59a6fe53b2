"""The decoders of carried state: what they read, what they ignore, what they refuse."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_svc import state_v1, state_v2
from orders_svc.access import Grant
from orders_svc.grants import Grants, newest
from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from tests import bombs
from waybill import base64url, id_lists
from waybill.values import VerifiedState

PRODUCT_IDS = st.text("abc019._-", min_size=1, max_size=8)
PACKABLE = st.from_regex("[abc019][abc019._-]{0,7}", fullmatch=True)
REVISIONS = st.integers(0, 2**63 - 1)
PRICES = st.none() | st.integers(0, 10**15)
PACKED = base64url.encode(id_lists.encode(["a"], "json"))
RUNGS = list(id_lists.CODECS)
GRANTS = st.dictionaries(PRODUCT_IDS, st.tuples(st.integers(0, 2**31 - 1), PRICES), max_size=5)
MALFORMED = (ValueError, TypeError, KeyError, DecodeError)


def _expected(grants: Mapping[str, tuple[int, int | None]], revision: int) -> Grants:
    return {each: Grant(each, most, price, revision) for each, (most, price) in grants.items()}


@given(ids=st.sets(PRODUCT_IDS, max_size=5), revision=REVISIONS)
def test_version_1_says_any_quantity_and_no_price(ids: set[str], revision: int) -> None:
    expected = {each: Grant(each, 0, None, revision) for each in ids}
    claims = {"rev": revision, "products": list(ids), "of a later writer": [1]}
    assert state_v1.from_claims(claims) == expected
    message = v1.AccessState(subject="s", revision=revision, product_ids=ids)
    assert state_v1.from_message(message.SerializeToString()).content == expected


@given(grants=GRANTS, revision=REVISIONS)
def test_version_2_says_maximum_and_price(
    grants: dict[str, tuple[int, int | None]], revision: int
) -> None:
    arrays = [[each, most, price, "of a later writer"] for each, (most, price) in grants.items()]
    claims = {"rev": revision, "grants": arrays}
    assert state_v2.from_claims(claims) == _expected(grants, revision)
    message = v2.AccessState(
        revision=revision,
        grants=[
            v2.Grant(product_id=each, max_quantity=most, unit_price_micros=price)
            for each, (most, price) in grants.items()
        ],
    )
    decoded = state_v2.from_message(message.SerializeToString())
    assert decoded.content == _expected(grants, revision)


@pytest.mark.parametrize("module", [state_v1, state_v2])
def test_the_envelope_of_a_message_is_read_whole(module: Any) -> None:
    message = (v1 if module is state_v1 else v2).AccessState(
        issuer="products", audience="orders", subject="alice", revision=7
    )
    message.issue_time.seconds = 100
    message.expire_time.FromJsonString("1970-01-01T00:06:40.9Z")
    unknown_field_1000 = b"\xc0\x3e\x01"
    state = module.from_message(message.SerializeToString() + unknown_field_1000)
    assert (state.issuer, state.audience, state.subject) == ("products", "orders", "alice")
    assert (state.revision, state.issue_time, state.expire_time) == (7, 100, 400)


@pytest.mark.parametrize(
    "claims",
    [
        {"products": []},
        {"rev": 1},
        {"rev": True, "products": []},
        {"rev": 1.0, "products": []},
        {"rev": "1", "products": []},
        {"rev": -1, "products": []},
        {"rev": 2**63, "products": []},
        {"rev": 1, "products": "sku-1"},
        {"rev": 1, "products": {"sku-1": 1}},
        {"rev": 1, "products": [1]},
        {"rev": 1, "products": [""]},
        {"rev": 1, "products": ["sku-1", "sku-1"]},
        {"rev": 1, "products": [None]},
    ],
)
def test_version_1_refuses_malformed_claims(claims: dict[str, object]) -> None:
    with pytest.raises(MALFORMED):
        state_v1.from_claims(claims)


@pytest.mark.parametrize(
    "claims",
    [
        {"products_packed": ""},
        {"products_packed": "AAAA"},
        {"products_packed": "FFtd="},
        {"products_packed": "\u00e9"},
        {"products_packed": ["a"]},
        {"products_packed": PACKED, "products": ["a"]},
        {"products_packed": None, "products": ["a"]},
    ],
)
def test_version_1_refuses_malformed_packed_lists(claims: dict[str, object]) -> None:
    with pytest.raises(MALFORMED):
        state_v1.from_claims({"rev": 1, **claims})


@given(ids=st.sets(PACKABLE, max_size=5), revision=REVISIONS, rung=st.sampled_from(RUNGS))
def test_packed_ids_of_a_message_say_the_same(ids: set[str], revision: int, rung: str) -> None:
    plain = v1.AccessState(subject="s", revision=revision, product_ids=ids)
    packed = v1.AccessState(
        subject="s", revision=revision, packed_product_ids=id_lists.encode(sorted(ids), rung)
    )
    found = [state_v1.from_message(each.SerializeToString()) for each in (plain, packed)]
    assert found[0] == found[1]


@given(packed=st.binary(min_size=1, max_size=200))
def test_any_packed_bytes_are_a_list_or_refused(packed: bytes) -> None:
    message = v1.AccessState(subject="s", revision=1, packed_product_ids=packed)
    try:
        found = state_v1.from_message(message.SerializeToString()).content
    except MALFORMED:
        return
    assert set(found) == set(id_lists.decode(packed))


def test_packed_bytes_cannot_unfold_without_bound() -> None:
    message = v1.AccessState(revision=1, packed_product_ids=bombs.packed_list())
    with pytest.raises(MALFORMED):
        state_v1.from_message(message.SerializeToString())


@pytest.mark.parametrize("packed", [b"\x00", b"\x21[]", id_lists.encode(["a"], "delta") + b"\x00"])
def test_version_1_refuses_malformed_packed_bytes(packed: bytes) -> None:
    message = v1.AccessState(revision=1, packed_product_ids=packed)
    with pytest.raises(MALFORMED):
        state_v1.from_message(message.SerializeToString())


def test_version_1_refuses_two_lists_in_a_message() -> None:
    """Even if both say the same."""
    packed = id_lists.encode(["a"], "json")
    message = v1.AccessState(revision=1, product_ids=["a"], packed_product_ids=packed)
    with pytest.raises(ValueError, match="two lists"):
        state_v1.from_message(message.SerializeToString())


@settings(deadline=None)
@given(ids=st.sets(PRODUCT_IDS.filter(lambda each: each[0] not in "._-"), max_size=5))
def test_version_1_reads_a_packed_list_as_it_reads_an_array(ids: set[str]) -> None:
    packed = base64url.encode(id_lists.best(ids))
    read = state_v1.from_claims({"rev": 1, "products_packed": packed, "of a later writer": 1})
    assert read == state_v1.from_claims({"rev": 1, "products": list(ids)})


@pytest.mark.parametrize(
    "grants",
    [
        "sku-1",
        [["sku-1", 1]],
        ["sku"],
        [{"sku-1": 1}],
        [["sku-1", -1, 5]],
        [["sku-1", 1, -5]],
        [["sku-1", True, 5]],
        [["sku-1", None, 5]],
        [["sku-1", 1.5, 5]],
        [["sku-1", 1, "5"]],
        [["sku-1", 2**63, 5]],
        [["", 1, 5]],
        [[1, 1, 5]],
        [["sku-1", 1, 5], ["sku-1", 2, 5]],
    ],
)
def test_version_2_refuses_malformed_grants(grants: object) -> None:
    with pytest.raises(MALFORMED):
        state_v2.from_claims({"rev": 1, "grants": grants})


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (state_v1, v1.AccessState(revision=-1)),
        (state_v1, v1.AccessState(product_ids=["a", "a"])),
        (state_v1, v1.AccessState(product_ids=[""])),
        (state_v2, v2.AccessState(revision=-1)),
        (state_v2, v2.AccessState(grants=[v2.Grant(product_id="a", max_quantity=-1)])),
        (state_v2, v2.AccessState(grants=[v2.Grant(product_id="a", unit_price_micros=-1)])),
        (state_v2, v2.AccessState(grants=[v2.Grant(product_id="a")] * 2)),
        (state_v2, v2.AccessState(grants=[v2.Grant()])),
    ],
)
def test_messages_with_impossible_values_are_refused(module: Any, message: Any) -> None:
    with pytest.raises(MALFORMED):
        module.from_message(message.SerializeToString())


@pytest.mark.parametrize("module", [state_v1, state_v2])
@given(payload=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(module: Any, payload: bytes) -> None:
    try:
        state = module.from_message(payload)
    except MALFORMED:
        return
    assert all(grant.product_id == each for each, grant in state.content.items())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("module", [state_v1, state_v2])
@given(rev=JSON, content=JSON)
def test_any_claims_are_read_or_refused(module: Any, rev: object, content: object) -> None:
    try:
        grants = module.from_claims({"rev": rev, "products": content, "grants": content})
    except MALFORMED:
        return
    assert isinstance(json.loads(json.dumps(content)), list)
    assert all(grant.revision == rev for grant in grants.values())


def _state(revision: int, **grants: int) -> VerifiedState[Grants]:
    content = {each: Grant(each, most, None, revision) for each, most in grants.items()}
    return VerifiedState("products", "orders", "alice", revision, 0, 0, content)


def test_the_newest_grant_of_several_states_holds() -> None:
    states = [_state(3, a=3, b=3), _state(9, b=9, c=9), _state(5, c=5, d=5)]
    found = newest(states, ["a", "b", "c", "missing"])
    assert {each: grant.max_quantity for each, grant in found.items()} == {"a": 3, "b": 9, "c": 9}
    assert newest(states[::-1], ["a", "b", "c", "missing"]) == found


def test_no_state_grants_nothing() -> None:
    assert newest([], ["a"]) == {}
