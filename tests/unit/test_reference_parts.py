"""Handles, records and the cache of resolved references."""

from collections.abc import Callable

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shop.products.v1.products_pb2 import ListProductsRequest
from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from waybill import base64url
from waybill.references import record
from waybill.references.cache import CacheBounds, ReferenceCache
from waybill.references.handle import HANDLE_CHARACTERS, name_of, new_handle
from waybill.state_reader import family_pattern
from waybill.testing import FakeClock

NAMES = [b"a", b"b", b"c", b"d"]
FAMILY = family_pattern("shop.state.v{version}.AccessState")


def test_a_handle_is_128_bits_of_chance() -> None:
    handles = [new_handle() for _ in range(2000)]
    numbers = [int.from_bytes(base64url.decode(each.encode())) for each in handles]
    assert {len(each) for each in handles} == {HANDLE_CHARACTERS}
    assert len(set(handles)) == len(handles)
    # Every one of the 128 bits is about as often 1 as 0: seven standard deviations of slack.
    ones = [sum(number >> bit & 1 for number in numbers) for bit in range(128)]
    assert all(843 < each < 1157 for each in ones)


def test_a_handle_is_fit_for_metadata() -> None:
    assert all(each.isalnum() or each in "-_" for each in new_handle())


def test_a_name_depends_on_handle_and_audience_alone() -> None:
    handle = new_handle()
    assert name_of(handle, "orders") == name_of(handle, "orders")
    assert name_of(handle, "orders") != name_of(handle, "billing")
    assert name_of(handle, "orders") != name_of(new_handle(), "orders")
    assert len(name_of(handle, "orders")) == 32


@given(st.text(max_size=30) | st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True))
def test_only_the_canonical_spelling_of_16_bytes_is_a_handle(text: str) -> None:
    try:
        name_of(text, "orders")
    except ValueError:
        return
    data = base64url.decode(text.encode())
    assert len(data) == 16
    assert base64url.encode(data) == text


@given(st.lists(st.text(max_size=9), max_size=5))
def test_a_record_gives_back_every_version(product_ids: list[str]) -> None:
    messages: list[Message] = [
        v1.AccessState(subject="ada", product_ids=product_ids),
        v2.AccessState(subject="ada"),
    ]
    decoded = record.decode(record.encode(messages), FAMILY)
    assert decoded == {1: messages[0].SerializeToString(), 2: messages[1].SerializeToString()}


@given(st.binary(max_size=200))
def test_what_is_no_record_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        record.decode(data, FAMILY)


@given(st.data())
def test_a_cut_or_damaged_record_is_a_value_error_or_says_the_same(data: st.DataObject) -> None:
    whole = record.encode([v2.AccessState(subject="ada")])
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r".+"):
        record.decode(whole[:cut], FAMILY)


@pytest.mark.parametrize(
    "messages",
    [[v1.AccessState(), v1.AccessState()], [ListProductsRequest()], [Any()], []],
    ids=["a version twice", "another family", "no type", "empty"],
)
def test_records_that_no_issuer_makes_are_refused(messages: list[Message]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        record.decode(record.encode(messages), FAMILY)


def cache(clock: Callable[[], float], **bounds: float) -> ReferenceCache[str]:
    return ReferenceCache(CacheBounds(**bounds), clock)  # type: ignore[arg-type]


def test_an_entry_lives_from_before_the_question() -> None:
    clock = FakeClock()
    kept = cache(clock, ttl_s=1.0)
    asked_at = kept.now()
    clock.advance(0.7)
    kept.put(b"a", "ada's", size_bytes=1, asked_at=asked_at)
    clock.advance(0.29)
    assert kept.get(b"a") == "ada's"
    clock.advance(0.01)
    assert kept.get(b"a") is None


def test_an_answer_that_took_longer_than_the_life_of_an_entry_is_not_kept() -> None:
    clock = FakeClock()
    kept = cache(clock, ttl_s=1.0)
    asked_at = kept.now()
    clock.advance(2)
    kept.put(b"a", "ada's", size_bytes=1, asked_at=asked_at)
    assert kept.get(b"a") is None


@pytest.mark.parametrize("bounds", [{"ttl_s": 0}, {"max_entries": 0}, {"max_bytes": 0}])
def test_a_bound_of_nothing_keeps_nothing(bounds: dict[str, float]) -> None:
    kept = cache(FakeClock(), **bounds)
    kept.put(b"a", "ada's", size_bytes=1, asked_at=kept.now())
    assert kept.get(b"a") is None


def test_bounds_below_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        CacheBounds(ttl_s=-1)


class CacheMachine(RuleBasedStateMachine):
    """Whatever is put and however time passes, the bounds hold and nothing outlives its time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.bounds = CacheBounds(ttl_s=10, max_entries=3, max_bytes=100)
        self.cache: ReferenceCache[int] = ReferenceCache(self.bounds, self.clock)
        self.told: dict[bytes, tuple[int, int, float]] = {}

    @rule(
        name=st.sampled_from(NAMES),
        size=st.integers(1, 120),
        age=st.floats(0, 9),
    )
    def put(self, name: bytes, size: int, age: float) -> None:
        value = len(self.told) + 1
        self.cache.put(name, value, size_bytes=size, asked_at=self.clock() - age)
        if size <= self.bounds.max_bytes:
            self.told[name] = value, size, self.clock() - age

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def holds(self) -> None:
        live = {name: value for name in self.told if (value := self.cache.get(name)) is not None}
        assert len(live) <= 3
        assert sum(self.told[name][1] for name in live) <= 100
        for name, value in live.items():
            last, _, asked_at = self.told[name]
            assert value == last
            assert self.clock() < asked_at + 10


TestCacheMachine = CacheMachine.TestCase
