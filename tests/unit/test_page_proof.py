"""The reader of page proofs: what it believes, what it remembers, and its limits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.crypto_kit import KEY, KEYS, LEEWAY_S, NOW, OTHER_KEY, TTL_S
from tests.unit.page_proof_kit import LEAVES, entry, names, read, reader, shown, signed
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
from waybill.keys import KeySet, StaticKeys, VerifyingKey
from waybill.page_proof import PageProofReader, ProofLimits, WholePage
from waybill.page_root import Page, key_hint
from waybill.testing import FakeClock
from waybill.values import VerifiedState
from waybill.verified_cache import VerifiedCache


def test_what_was_signed_is_read() -> None:
    page = WholePage(signed())
    (proven,) = read(page.narrowed([3]))
    content = Page(100, page._tree.root)
    assert proven.state == VerifiedState("products", "orders", "ada", 7, NOW, NOW + TTL_S, content)
    assert proven.leaves == [("leaf 3", 7)]


@given(st.sets(st.integers(0, 99), min_size=1, max_size=20).map(sorted))
def test_any_leaves_of_a_page(positions: list[int]) -> None:
    assert names(shown(*positions)) == [f"leaf {each}" for each in positions]


def test_the_whole_page_as_it_was_issued() -> None:
    assert names(signed()) == [leaf.decode() for leaf in LEAVES]


def test_several_pages_in_their_order_in_metadata_and_message() -> None:
    first, second, third = (shown(0, leaves=[each, b"other"]) for each in (b"c", b"a", b"b"))
    found = reader().read([entry(first), entry(second)], [third], subject="ada", min_revision=0)
    assert [page.leaves for page in found] == [[("c", 7)], [("a", 7)], [("b", 7)]]


def test_nothing_carried() -> None:
    with pytest.raises(StateMissing):
        read()


def test_the_newest_readable_version_is_read_and_no_other() -> None:
    one, two, three = (shown(0, version=v, leaves=[b"v%d" % v]) for v in (1, 2, 3))
    assert names(one, two, three) == ["v2"]
    assert names(one) == ["v1"]


@pytest.mark.parametrize("version", [0, 3])
def test_only_versions_without_a_decoder(version: int) -> None:
    with pytest.raises(StateVersionUnsupported):
        read(shown(0, version=version))


def test_one_bad_proof_refuses_the_call() -> None:
    with pytest.raises(StateInvalid):
        read(shown(0), shown(0, key=OTHER_KEY))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"expire_time": NOW - LEEWAY_S}, StateExpired),
        ({"issue_time": NOW + LEEWAY_S + 1}, StateInvalid),
        ({"expire_time": NOW - 10**10, "issue_time": 0}, StateInvalid),
        ({"subject": ""}, StateInvalid),
        ({"revision": -1}, StateInvalid),
        ({"revision": 2**60}, StateInvalid),
        ({"subject": "eve"}, SubjectMismatch),
        ({"revision": 6}, StateSuperseded),
        ({"leaves": [b"bad"]}, StateInvalid),
        ({"issuer": "somebody"}, StateInvalid),
        ({"audience": "billing"}, StateInvalid),
        ({"key": OTHER_KEY}, StateInvalid),
        ({"family": "other.v{version}.Leaf"}, StateInvalid),
    ],
)
def test_properly_signed_and_refused(changes: dict[str, Any], error: type[WaybillError]) -> None:
    with pytest.raises(error):
        read(shown(0, **changes), min_revision=7)


@pytest.mark.parametrize(
    ("limits", "facts"),
    [
        (ProofLimits(max_bytes=300), {"bytes", "max_bytes"}),
        (ProofLimits(max_proofs=1), {"proofs", "max_proofs"}),
        (ProofLimits(max_leaves=3), {"leaves", "max_leaves"}),
    ],
)
def test_limits_hold_over_all_proofs_together(limits: ProofLimits, facts: set[str]) -> None:
    proof = shown(0, 1)
    assert proof.ByteSize() < 350
    read(shown(0, leaves=LEAVES[:2]), limits=limits)
    with pytest.raises(StateTooLarge) as refused:
        read(proof, proof, limits=limits)
    assert refused.value.facts.keys() == facts


def test_the_limit_comes_before_any_work() -> None:
    """Also for what is no proof at all."""
    with pytest.raises(StateTooLarge):
        reader(limits=ProofLimits(max_bytes=10)).read(
            [("waybill-proof-bin", b"\xff" * 11)], (), subject="ada", min_revision=0
        )


def test_an_honest_order_of_a_hundred_products_is_within_the_limits() -> None:
    leaves = [b"%064d and a price" % number for number in range(10_000)]
    assert len(names(shown(*range(0, 10_000, 100), leaves=leaves))) == 100


def counting(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages whose signature is verified from now on."""
    verify = VerifyingKey.verify
    messages: list[bytes] = []

    def counted(key: VerifyingKey, signature: bytes, message: bytes) -> None:
        messages.append(message)
        verify(key, signature, message)

    monkeypatch.setattr(VerifyingKey, "verify", counted)
    return messages


def ask(remembering: PageProofReader[tuple[str, int]], *positions: int) -> object:
    return remembering.read([entry(shown(*positions))], (), subject="ada", min_revision=0)


def test_a_page_is_verified_once_for_all_its_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = counting(monkeypatch)
    cache = VerifiedCache(10, 10_000)
    remembering = reader(cache=cache)
    for position in (0, 1, 50, 99):
        ask(remembering, position)
    assert (len(verified), len(cache)) == (1, 1)


def test_a_remembered_page_vouches_for_its_own_leaves_only() -> None:
    remembering = reader(cache=VerifiedCache(10, 10_000))
    ask(remembering, 3)
    forged = shown(3)
    forged.leaves[0] = b"leaf 4"
    with pytest.raises(StateInvalid):
        remembering.read([entry(forged)], (), subject="ada", min_revision=0)


def test_what_does_not_verify_is_not_remembered() -> None:
    cache = VerifiedCache(10, 10_000)
    with pytest.raises(StateInvalid):
        read(shown(3, key=OTHER_KEY), cache=cache)
    assert len(cache) == 0


def test_a_remembered_page_expires() -> None:
    clock = FakeClock()
    remembering = reader(cache=VerifiedCache(10, 10_000), clock=clock)
    ask(remembering, 3)
    clock.advance(TTL_S + LEEWAY_S)
    with pytest.raises(StateExpired):
        ask(remembering, 3)


def test_a_remembered_page_falls_with_its_key() -> None:
    keys = StaticKeys(KeySet.of(KEY.verifying_key()))
    remembering = reader(keys=keys, cache=VerifiedCache(10, 10_000))
    ask(remembering, 3)
    keys.replace(KeySet.of(OTHER_KEY.verifying_key()))
    with pytest.raises(StateInvalid):
        ask(remembering, 3)


def test_one_version_is_not_served_what_another_verified() -> None:
    """The version is signed by the leaf type's name, and is no part of the statement."""
    remembering = reader(cache=VerifiedCache(10, 10_000))
    ask(remembering, 3)
    relabelled = shown(3)
    relabelled.version = 2
    with pytest.raises(StateInvalid):
        remembering.read([entry(relabelled)], (), subject="ada", min_revision=0)


def test_pages_of_old_and_new_keys() -> None:
    keys = StaticKeys(KeySet.of(OTHER_KEY.verifying_key(), KEY.verifying_key()))
    assert names(shown(3), shown(4, key=OTHER_KEY), keys=keys) == ["leaf 3", "leaf 4"]


def test_no_keys_are_loaded() -> None:
    class NoKeys:
        def current(self, *, missing: str | None = None) -> KeySet:  # noqa: ARG002
            raise KeysUnavailable

    with pytest.raises(KeysUnavailable):
        read(shown(3), keys=NoKeys())


def test_a_missing_key_is_looked_for_once_more() -> None:
    class LateKeys:
        missing: str | None = None

        def current(self, *, missing: str | None = None) -> KeySet:
            self.missing = missing
            return KeySet.of(KEY.verifying_key()) if missing else KeySet()

    late = LateKeys()
    assert names(shown(3), keys=late) == ["leaf 3"]
    assert late.missing == f"a key with the hint {key_hint(KEY.key_id):08x}"


def test_a_wrong_hint() -> None:
    proof = shown(3)
    proof.key_hint = key_hint(OTHER_KEY.key_id)
    for keys in (KEYS, StaticKeys(KeySet.of(OTHER_KEY.verifying_key(), KEY.verifying_key()))):
        with pytest.raises(StateInvalid):
            read(proof, keys=keys)


def test_keys_whose_hints_meet_are_all_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    proof = shown(3)
    monkeypatch.setattr("waybill.page_proof.key_hint", lambda _: proof.key_hint)
    keys = StaticKeys(KeySet.of(OTHER_KEY.verifying_key(), KEY.verifying_key()))
    assert names(proof, keys=keys) == ["leaf 3"]


def test_a_page_without_leaves_is_not_signed() -> None:
    with pytest.raises(ValueError, match="proves nothing"):
        signed([])


@pytest.mark.parametrize("party", ["issuer", "audience"])
def test_a_page_without_a_party_is_not_signed(party: str) -> None:
    with pytest.raises(ValueError, match="named"):
        signed(LEAVES, **{party: ""})  # type: ignore[arg-type]


def test_readers_that_share_a_cache_share_no_pages() -> None:
    cache = VerifiedCache(10, 10_000)
    other = reader(cache=cache, audience="billing")
    ask(reader(cache=cache), 3)
    with pytest.raises(StateInvalid):
        ask(other, 3)
