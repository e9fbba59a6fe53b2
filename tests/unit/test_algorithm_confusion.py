"""No signature passes under a key but that key's own, in that key's algorithm, in any carrier."""

from collections.abc import Mapping

import pytest

from tests.unit.confusion_rows import Row, confusions
from tests.unit.crypto_kit import (
    TYP,
    as_json,
    claims,
    envelope_reader,
    jwt_reader,
    key_of,
    message_v1,
    verifier,
)
from tests.unit.page_proof_kit import LEAVES, entry, reader, signed
from waybill import base64url
from waybill.algorithms import ALGORITHMS
from waybill.envelope import pre_authentication_encoding
from waybill.errors import StateInvalid
from waybill.keys import KeySet, StaticKeys
from waybill.merkle import Tree
from waybill.page_proof import WholePage
from waybill.page_root import head, signed_bytes
from waybill.signing import SigningKey, seal, sign_jwt
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.verified_cache import VerifiedCache


@pytest.fixture(params=ALGORITHMS)
def key(request: pytest.FixtureRequest) -> SigningKey:
    return key_of(request.param)


@pytest.fixture
def rows(key: SigningKey) -> Mapping[str, Row]:
    found = dict(confusions(key))
    assert len(found) > 40
    return found


@pytest.fixture
def keys(key: SigningKey) -> StaticKeys:
    """The key, beside one of each other algorithm, so that there is something to be confused by."""
    others = (key_of(each) for each in ALGORITHMS if each != key.algorithm)
    return StaticKeys(KeySet.of(*(each.verifying_key() for each in (key, *others))))


@pytest.fixture
def cache() -> VerifiedCache:
    return VerifiedCache(1_000, 1 << 20)


def test_tokens(
    key: SigningKey, keys: StaticKeys, rows: Mapping[str, Row], cache: VerifiedCache
) -> None:
    subject = verifier(keys, cache=cache)
    subject.verify(sign_jwt(claims(), key, typ=TYP))
    for name, (algorithm, forge) in rows.items():
        head_part = as_json({"alg": algorithm, "kid": key.key_id, "typ": TYP})
        signing_input = f"{base64url.encode(head_part)}.{base64url.encode(as_json(claims()))}"
        token = f"{signing_input}.{base64url.encode(forge(signing_input.encode()))}"
        with pytest.raises(StateInvalid) as refused:
            subject.verify(token)
        assert type(refused.value) is StateInvalid, name
    assert len(cache) == 1


def test_envelopes(
    key: SigningKey, keys: StaticKeys, rows: Mapping[str, Row], cache: VerifiedCache
) -> None:
    subject = envelope_reader(keys, cache=cache)
    good = seal(message_v1(), key)
    subject.read([good], subject="ada", min_revision=0)
    signed_part = pre_authentication_encoding(good.payload_type, good.payload)
    for name in without_own_signatures(rows):
        forged = Envelope(
            payload_type=good.payload_type,
            payload=good.payload,
            signatures=[Signature(key_id=key.key_id, signature=rows[name][1](signed_part))],
        )
        with pytest.raises(StateInvalid):
            subject.read([forged], subject="ada", min_revision=0)
    assert len(cache) == 1


@pytest.mark.parametrize("remembered", [False, True], ids=["cold", "after the true one"])
def test_page_proofs(
    key: SigningKey,
    keys: StaticKeys,
    rows: Mapping[str, Row],
    cache: VerifiedCache,
    remembered: bool,
) -> None:
    subject = reader(keys, cache=cache)
    proof = WholePage(signed(key=key)).narrowed([3])
    if remembered:
        subject.read([entry(proof)], (), subject="ada", min_revision=0)
    front = head("products", "orders", "test.v1.Leaf")
    message = signed_bytes(front, proof.statement, Tree.of(LEAVES).root)
    key.verifying_key().verify(proof.signature, message)
    for name in without_own_signatures(rows):
        proof.signature = rows[name][1](message)
        with pytest.raises(StateInvalid):
            subject.read([entry(proof)], (), subject="ada", min_revision=0)
    assert len(cache) == remembered


def without_own_signatures(rows: Mapping[str, Row]) -> list[str]:
    """Envelopes and pages name no algorithm, so what only names another one is no forgery there."""
    return [name for name in rows if not name.startswith("ours, said to be")]


def test_each_algorithm_is_read_beside_the_others(key: SigningKey, keys: StaticKeys) -> None:
    token = sign_jwt(claims(), key, typ=TYP)
    metadata = [("waybill-state-v1", token)]
    assert jwt_reader(keys).read(metadata, subject="ada", min_revision=0)
    assert envelope_reader(keys).read([seal(message_v1(), key)], subject="ada", min_revision=0)
    page = WholePage(signed(key=key)).narrowed([3])
    assert reader(keys).read([entry(page)], (), subject="ada", min_revision=0)


def test_an_es256_signature_has_a_twin_that_opens_nothing_new() -> None:
    """(r, -s) holds wherever (r, s) does. It names the same state, so nothing may hang on it."""
    key = key_of("ES256")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    token = sign_jwt(claims(), key, typ=TYP)
    front, signature = token.rsplit(".", 1)
    raw = base64url.decode(signature.encode())
    twin = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    subject = verifier(StaticKeys(KeySet.of(key.verifying_key())))
    assert subject.verify(f"{front}.{base64url.encode(twin)}") == subject.verify(token)
