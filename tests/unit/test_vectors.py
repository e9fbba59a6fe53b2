"""The format is what it was when the vectors were made: old bytes read, new bytes the same."""

import json
from typing import Any

import pytest

from orders_svc import state_v1
from tests.vectors.make import FILE, vectors
from waybill.envelope import decode_envelope, open_envelope
from waybill.errors import WaybillError
from waybill.expectations import Expectations
from waybill.jwt import CREDENTIAL_REFUSALS, JwtVerifier
from waybill.keys import KeySet, StaticKeys
from waybill.metadata import PROOF
from waybill.page_proof import PageProofReader
from waybill.signing import SigningKey
from waybill.state_reader import JwtStateReader
from waybill.testing import FakeClock

VECTORS: dict[str, Any] = json.loads(FILE.read_text())
CLOCK = FakeClock(VECTORS["now"])
KEYS = StaticKeys(KeySet.of(SigningKey.from_private_jwk(VECTORS["private_jwk"]).verifying_key()))
EXPECTATIONS = Expectations("products", "orders", CLOCK)
READER: JwtStateReader[dict[str, Any]] = JwtStateReader(
    KEYS, EXPECTATIONS, decoders={1: dict, 2: dict}
)
PAGES: PageProofReader[str] = PageProofReader(
    KEYS,
    EXPECTATIONS,
    family="shop.state.v{version}.Grant",
    decoders={version: lambda leaf, _: leaf.hex() for version in (1, 2)},
)


def test_the_format_has_not_changed() -> None:
    assert vectors() == FILE.read_text(), "if that is wanted: python -m tests.vectors.make"


def test_the_user_token() -> None:
    users = JwtVerifier(
        KEYS,
        typ="at+jwt",
        issuer="waybill-dev",
        audience="shop",
        refusals=CREDENTIAL_REFUSALS,
        clock=CLOCK,
    )
    claims = users.verify(VECTORS["user_token"])
    assert (claims["sub"], claims["roles"]) == ("ada", ["admin"])


@pytest.mark.parametrize("name", VECTORS["tokens"])
def test_tokens(name: str) -> None:
    vector = VECTORS["tokens"][name]
    carried = [(vector["key"], vector["token"])]
    if "reason" in vector:
        with pytest.raises(WaybillError) as refused:
            READER.read(carried, subject="ada", min_revision=0)
        assert refused.value.reason == vector["reason"]
    else:
        (state,) = READER.read(carried, subject="ada", min_revision=0)
        assert state.content == vector["claims"]


@pytest.mark.parametrize("name", VECTORS["envelopes"])
def test_envelopes(name: str) -> None:
    vector = VECTORS["envelopes"][name]
    data = bytes.fromhex(vector["envelope"])
    if "reason" in vector:
        with pytest.raises(WaybillError) as refused:
            open_envelope(decode_envelope(data), KEYS)
        assert refused.value.reason == vector["reason"]
    else:
        assert open_envelope(decode_envelope(data), KEYS).hex() == vector["payload"]


@pytest.mark.parametrize("name", ["v1", "v1 packed"])
def test_packed_ids_say_what_the_list_says(name: str) -> None:
    payload = bytes.fromhex(VECTORS["envelopes"][name]["payload"])
    claims = VECTORS["tokens"][name]["claims"]
    expected = set(VECTORS["tokens"]["v1"]["claims"]["products"])
    assert set(state_v1.from_message(payload).content) == expected
    assert set(state_v1.from_claims(claims)) == expected


@pytest.mark.parametrize("name", VECTORS["page_proofs"])
def test_page_proofs(name: str) -> None:
    vector = VECTORS["page_proofs"][name]
    carried = [(PROOF, bytes.fromhex(vector["proof"]))]
    if "reason" in vector:
        with pytest.raises(WaybillError) as refused:
            PAGES.read(carried, (), subject="ada", min_revision=42)
        assert refused.value.reason == vector["reason"]
    else:
        (page,) = PAGES.read(carried, (), subject="ada", min_revision=42)
        assert list(page.leaves) == vector["leaves"]
