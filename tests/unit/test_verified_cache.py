"""The cache of what was verified: its bounds, and that nothing stale comes out of it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from waybill.keys import KeySet, StaticKeys
from waybill.signing import SigningKey
from waybill.testing import FakeClock
from waybill.verified_cache import Memory, Verified, VerifiedCache

SIGNERS = [SigningKey.generate() for _ in range(3)]
KEYS = [signer.verifying_key() for signer in SIGNERS]
# The same names, other material.
NAMESAKES = [
    SigningKey.from_private_jwk(SigningKey.generate().to_private_jwk() | {"kid": k.key_id})
    for k in SIGNERS
]
DIGESTS = [bytes([n]) * 32 for n in range(8)]
MAX_ENTRIES = 4
MAX_BYTES = 100


def memory(cache: VerifiedCache | None, now: float = 0) -> Memory[str]:
    clock = FakeClock(now)
    return Memory(cache, StaticKeys(KeySet.of(*KEYS)), lambda time: clock() >= time)


def test_least_recently_used_goes_first() -> None:
    cache = VerifiedCache(2, MAX_BYTES)
    subject = memory(cache)
    for name, digest in zip("ab", DIGESTS, strict=False):
        subject.keep(digest, Verified(name, KEYS[0], 10), 1)
    assert subject.recall(DIGESTS[0]) == "a"
    subject.keep(DIGESTS[2], Verified("c", KEYS[0], 10), 1)
    assert [subject.recall(digest) for digest in DIGESTS[:3]] == ["a", None, "c"]


def test_a_large_entry_pushes_out_several() -> None:
    cache = VerifiedCache(10, MAX_BYTES)
    subject = memory(cache)
    for digest in DIGESTS[:4]:
        subject.keep(digest, Verified("small", KEYS[0], 10), 25)
    subject.keep(DIGESTS[5], Verified("large", KEYS[0], 10), 60)
    assert (len(cache), cache.bytes) == (2, 85)


@pytest.mark.parametrize("cache", [None, VerifiedCache(0, 100), VerifiedCache(100, 0)])
def test_nothing_is_remembered_without_room(cache: VerifiedCache | None) -> None:
    subject = memory(cache)
    subject.keep(DIGESTS[0], Verified("a", KEYS[0], 10), 1)
    assert subject.recall(DIGESTS[0]) is None


def test_what_is_larger_than_the_cache_leaves_the_rest_alone() -> None:
    subject = memory(VerifiedCache(10, MAX_BYTES))
    subject.keep(DIGESTS[0], Verified("a", KEYS[0], 10), 1)
    subject.keep(DIGESTS[1], Verified("b", KEYS[0], 10), MAX_BYTES + 1)
    assert [subject.recall(digest) for digest in DIGESTS[:2]] == ["a", None]


def test_memories_of_one_cache_are_apart() -> None:
    cache = VerifiedCache(10, MAX_BYTES)
    one, two = memory(cache), memory(cache)
    one.keep(DIGESTS[0], Verified("a", KEYS[0], 10), 1)
    assert two.recall(DIGESTS[0]) is None
    two.keep(DIGESTS[0], Verified("b", KEYS[0], 10), 1)
    assert (one.recall(DIGESTS[0]), two.recall(DIGESTS[0])) == ("a", "b")


@pytest.mark.parametrize("bounds", [(-1, 1), (1, -1)])
def test_bounds_below_nothing(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        VerifiedCache(*bounds)


class CacheMachine(RuleBasedStateMachine):
    """Two memories on one cache, keys that come and go, and a clock, against a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(0)
        self.trusted = dict(enumerate(KEYS))
        self.keys = StaticKeys(KeySet.of(*KEYS))
        self.cache = VerifiedCache(MAX_ENTRIES, MAX_BYTES)
        self.memories: list[Memory[int]] = [
            Memory(self.cache, self.keys, lambda time: self.clock() >= time) for _ in range(2)
        ]
        self.kept: dict[tuple[int, int], Verified[int]] = {}
        self.count = 0

    @rule(
        who=st.integers(0, 1),
        what=st.integers(0, 7),
        key=st.integers(0, 2),
        ttl=st.integers(0, 10),
        weight=st.integers(0, MAX_BYTES + 20),
    )
    def keep(self, who: int, what: int, key: int, ttl: int, weight: int) -> None:
        self.count += 1
        verified = Verified(self.count, KEYS[key], int(self.clock()) + ttl)
        self.memories[who].keep(DIGESTS[what], verified, weight)
        if weight <= MAX_BYTES:
            self.kept[who, what] = verified
            if self.trusted.get(key) == KEYS[key] and ttl > 0:
                assert self.memories[who].recall(DIGESTS[what]) == self.count

    @rule(who=st.integers(0, 1), what=st.integers(0, 7))
    def recall(self, who: int, what: int) -> None:
        found = self.memories[who].recall(DIGESTS[what])
        if found is None:
            return
        verified = self.kept[who, what]
        assert found == verified.value
        assert self.clock() < verified.expire_time
        assert verified.key in self.trusted.values()

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(key=st.integers(0, 2))
    def remove_key(self, key: int) -> None:
        self.trusted.pop(key, None)
        self._publish()

    @rule(key=st.integers(0, 2))
    def replace_key(self, key: int) -> None:
        self.trusted[key] = NAMESAKES[key].verifying_key()
        self._publish()

    @precondition(lambda self: len(self.trusted) < 3)
    @rule()
    def restore_keys(self) -> None:
        # From their JWKs: equal keys, not the same objects, as after a file was read again.
        self.trusted = {n: signer.verifying_key() for n, signer in enumerate(SIGNERS)}
        self._publish()

    @invariant()
    def within_bounds(self) -> None:
        assert len(self.cache) <= MAX_ENTRIES
        assert self.cache.bytes <= MAX_BYTES

    def _publish(self) -> None:
        self.keys.replace(KeySet.of(*self.trusted.values()))


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)
