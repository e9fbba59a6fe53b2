"""Both readers of carried state, through the same cases: tokens in metadata, and envelopes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.crypto_kit import (
    KEY,
    KEYS,
    LEEWAY_S,
    NOW,
    OTHER_KEY,
    TTL_S,
    claims,
    envelope_reader,
    jwt_reader,
    message_v1,
    message_v2,
)
from waybill.errors import (
    KeysUnavailable,
    StateExpired,
    StateInvalid,
    StateMissing,
    StateSuperseded,
    StateTooLarge,
    StateVersionUnsupported,
    SubjectMismatch,
    WaybillError,
)
from waybill.expectations import Expectations
from waybill.jwks_file import JwksFile
from waybill.keys import KeySet, StaticKeys
from waybill.signing import SigningKey, public_jwks, seal, sign_jwt
from waybill.state_reader import EnvelopeStateReader
from waybill.testing import FakeClock
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import VerifiedState
from waybill.verified_cache import VerifiedCache

Read = Callable[..., list[VerifiedState[tuple[str, ...]]]]


@dataclass(frozen=True)
class Way:
    """One way to carry state: what makes a carried value, and what makes a reader."""

    carried: Callable[..., Any]
    reader: Callable[..., Any]

    def read(
        self, values: Sequence[Any], subject: str = "ada", min_revision: int = 0, **settings: Any
    ) -> list[VerifiedState[tuple[str, ...]]]:
        found = self.reader(**settings).read(values, subject=subject, min_revision=min_revision)
        assert isinstance(found, list)
        return found


def token(
    version: int = 1,
    ids: Sequence[str] = ("SKU-1",),
    key: SigningKey = KEY,
    revision: int = 7,
    expire_time: int = NOW + TTL_S,
) -> tuple[str, str]:
    """A metadata entry of one version's state."""
    content: dict[int, dict[str, object]] = {
        1: {"products": list(ids)},
        2: {"grants": [[i, 0, None] for i in ids]},
    }
    said = claims(products=None, rev=revision, exp=expire_time) | content.get(version, {})
    state_key = f"waybill-state-v{version}"
    return state_key, sign_jwt(said, key, typ=f"{state_key}+jwt")


def envelope(
    version: int = 1,
    ids: Sequence[str] = ("SKU-1",),
    key: SigningKey = KEY,
    revision: int = 7,
    expire_time: int = NOW + TTL_S,
) -> Envelope:
    """An envelope of one version's state."""
    said: dict[str, Any] = {"revision": revision, "expire_time": {"seconds": expire_time}}
    if version == 2:
        return seal(message_v2(grants=[{"product_id": i} for i in ids], **said), key)
    sealed = seal(message_v1(product_ids=ids, **said), key)
    if version != 1:
        sealed.payload_type = f"shop.state.v{version}.AccessState"
    return sealed


WAYS = {"metadata": Way(token, jwt_reader), "envelopes": Way(envelope, envelope_reader)}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> Way:
    found = request.param
    assert isinstance(found, Way)
    return found


def contents(states: list[VerifiedState[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    return [state.content for state in states]


def test_what_was_signed_is_read(way: Way) -> None:
    (state,) = way.read([way.carried(ids=["a", "b"])])
    assert state == VerifiedState("products", "orders", "ada", 7, NOW, NOW + TTL_S, ("a", "b"))


def test_several_pages_in_their_order(way: Way) -> None:
    pages = [way.carried(ids=[name]) for name in "cab"]
    assert contents(way.read(pages)) == [("c",), ("a",), ("b",)]


def test_nothing_carried(way: Way) -> None:
    with pytest.raises(StateMissing):
        way.read([])


def test_the_newest_readable_version_is_taken(way: Way) -> None:
    carried = [way.carried(1, ["one"]), way.carried(2, ["two"]), way.carried(3), way.carried(2)]
    assert contents(way.read(carried)) == [("two",), ("SKU-1",)]


def test_versions_that_are_not_taken_are_not_looked_at(way: Way) -> None:
    expired_v1 = way.carried(1, expire_time=NOW - 60)
    forged_v3 = way.carried(3, key=OTHER_KEY)
    assert contents(way.read([expired_v1, forged_v3, way.carried(2)])) == [("SKU-1",)]


def test_only_newer_versions(way: Way) -> None:
    with pytest.raises(StateVersionUnsupported):
        way.read([way.carried(3), way.carried(9999)])


def test_one_bad_value_refuses_all(way: Way) -> None:
    good = way.carried()
    bad_ones: list[tuple[Any, type[WaybillError]]] = [
        (way.carried(key=OTHER_KEY), StateInvalid),
        (way.carried(expire_time=NOW - LEEWAY_S), StateExpired),
        (way.carried(revision=4), StateSuperseded),
    ]
    for bad, error in bad_ones:
        for carried in ([bad, good], [good, bad], [good, bad, good]):
            with pytest.raises(error):
                way.read(carried, min_revision=5)


def test_another_subject_before_an_old_revision(way: Way) -> None:
    with pytest.raises(SubjectMismatch):
        way.read([way.carried(revision=1)], subject="eve", min_revision=2)


def test_expired_before_another_subject(way: Way) -> None:
    with pytest.raises(StateExpired):
        way.read([way.carried(expire_time=NOW - 60)], subject="eve")


def test_at_least_this_revision(way: Way) -> None:
    assert way.read([way.carried(revision=8)], min_revision=8)
    with pytest.raises(StateSuperseded) as refused:
        way.read([way.carried(revision=7)], min_revision=8)
    assert refused.value.facts == {"revision": "7", "min_revision": "8"}


def test_no_keys_means_cannot_know(way: Way, tmp_path: Path) -> None:
    with pytest.raises(KeysUnavailable):
        way.read([way.carried()], keys=JwksFile(tmp_path / "none.json", FakeClock()))


def test_the_budget_counts_all_values_of_all_versions(way: Way) -> None:
    carried = [way.carried(1), way.carried(2), way.carried(3)]
    way.read(carried, max_bytes=2000)
    with pytest.raises(StateTooLarge) as refused:
        way.read(carried, max_bytes=300)
    assert refused.value.facts["max_bytes"] == "300"
    assert int(refused.value.facts["bytes"]) > 300


@pytest.mark.parametrize("subject", ["ada", "eve"])
@pytest.mark.parametrize("min_revision", [0, 8])
def test_a_cache_changes_no_answer(way: Way, subject: str, min_revision: int) -> None:
    cache = VerifiedCache(10, 100_000)
    reader = way.reader(cache=cache)
    carried = [way.carried()]
    reader.read(carried, subject="ada", min_revision=0)
    assert len(cache) == 1

    def outcome(read: Read) -> object:
        try:
            return read(carried, subject=subject, min_revision=min_revision)
        except WaybillError as error:
            return type(error)

    assert outcome(reader.read) == outcome(way.reader().read)


def test_remembered_state_expires(way: Way) -> None:
    clock = FakeClock(NOW)
    reader = way.reader(clock=clock, cache=VerifiedCache(10, 100_000))
    carried = [way.carried(expire_time=NOW + 10)]
    clock.advance(10 + LEEWAY_S - 0.001)
    assert reader.read(carried, subject="ada", min_revision=0)
    clock.advance(0.001)
    with pytest.raises(StateExpired):
        reader.read(carried, subject="ada", min_revision=0)


def test_remembered_state_of_a_removed_key(way: Way) -> None:
    keys = StaticKeys(KEYS.current())
    reader = way.reader(keys, cache=VerifiedCache(10, 100_000))
    carried = [way.carried()]
    assert reader.read(carried, subject="ada", min_revision=0)
    keys.replace(KeySet.of(OTHER_KEY.verifying_key()))
    with pytest.raises(StateInvalid):
        reader.read(carried, subject="ada", min_revision=0)
    keys.replace(KeySet.of(KEY.verifying_key()))
    assert reader.read(carried, subject="ada", min_revision=0)


def test_remembered_state_when_a_key_id_gets_other_material(way: Way) -> None:
    keys = StaticKeys(KEYS.current())
    reader = way.reader(keys, cache=VerifiedCache(10, 100_000))
    carried = [way.carried()]
    assert reader.read(carried, subject="ada", min_revision=0)
    namesake = SigningKey.from_private_jwk(OTHER_KEY.to_private_jwk() | {"kid": KEY.key_id})
    keys.replace(KeySet.of(namesake.verifying_key()))
    with pytest.raises(StateInvalid):
        reader.read(carried, subject="ada", min_revision=0)


def test_a_rotated_key_file(way: Way, tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    path = tmp_path / "jwks.json"

    def publish(*keys: SigningKey) -> None:
        path.with_suffix(".new").write_text(public_jwks(keys))
        path.with_suffix(".new").replace(path)

    publish(KEY)
    reader = way.reader(JwksFile(path, clock), clock=clock, cache=VerifiedCache(10, 100_000))
    old, new = [way.carried()], [way.carried(key=OTHER_KEY)]
    assert reader.read(old, subject="ada", min_revision=0)
    publish(OTHER_KEY, KEY)
    assert reader.read(new, subject="ada", min_revision=0)  # at once: an unknown key id looks
    assert reader.read(old, subject="ada", min_revision=0)
    publish(OTHER_KEY)
    clock.advance(1)
    with pytest.raises(StateInvalid):
        reader.read(old, subject="ada", min_revision=0)
    assert reader.read(new, subject="ada", min_revision=0)


def test_readers_that_share_a_cache_share_no_verdict(way: Way) -> None:
    cache = VerifiedCache(10, 100_000)
    carried = [way.carried()]
    assert way.read(carried, cache=cache)
    with pytest.raises(StateInvalid):
        way.read(carried, cache=cache, keys=StaticKeys(KeySet.of()))
    with pytest.raises(StateExpired):
        way.read(carried, cache=cache, clock=FakeClock(NOW + TTL_S + LEEWAY_S))


# What only one of the two can meet.


@pytest.mark.parametrize(
    "said",
    [
        {"rev": None},
        {"rev": -1},
        {"rev": 7.0},
        {"rev": "7"},
        {"rev": True},
        {"rev": 2**53},
        {"products": None},
        {"products": "SKU-1"},
        {"products": [1]},
    ],
    ids=str,
)
def test_authentic_tokens_with_malformed_content(said: dict[str, object]) -> None:
    bad = sign_jwt(claims(**said), KEY, typ="waybill-state-v1+jwt")
    with pytest.raises(StateInvalid):
        WAYS["metadata"].read([("waybill-state-v1", bad)])


def test_unknown_claims_are_ignored() -> None:
    more = sign_jwt(claims(colour="red", nbf=NOW, aud=["orders"]), KEY, typ="waybill-state-v1+jwt")
    (state,) = WAYS["metadata"].read([("waybill-state-v1", more)])
    assert state.audience == "orders"


def test_unknown_fields_of_the_payload_are_ignored() -> None:
    newer = message_v1()
    newer.MergeFromString(b"\xfa\x01\x01x")  # field 31
    assert WAYS["envelopes"].read([seal(newer, KEY)])


def test_a_token_under_another_versions_key() -> None:
    _, v1 = token(1)
    with pytest.raises(StateInvalid):
        WAYS["metadata"].read([("waybill-state-v2", v1)])


@pytest.mark.parametrize(
    "name",
    [
        "waybill-state",
        "waybill-state-v",
        "waybill-state-v0",
        "waybill-state-v01",
        "waybill-state-v1x",
        "waybill-state-v1\n",
        "waybill-state-v12345",
        "waybill-state-v-1",
        "waybill-state-v1-bin",
        "x-waybill-state-v1",
        "Waybill-State-v1",
        "authorization",
    ],
)
def test_metadata_that_is_not_state(name: str) -> None:
    with pytest.raises(StateMissing):
        WAYS["metadata"].read([(name, token()[1])])


def test_state_among_other_metadata() -> None:
    entries = [("authorization", "Bearer x"), token(), ("grpc-trace-bin", b"\x00")]
    assert WAYS["metadata"].read(entries)


def test_a_family_needs_a_place_for_its_version() -> None:
    with pytest.raises(ValueError, match="version"):
        EnvelopeStateReader(
            KEYS, Expectations("i", "a"), family="shop.state.AccessState", decoders={}
        )
