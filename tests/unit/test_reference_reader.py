"""Resolving references: what is believed, what is refused, and what nobody can tell apart."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from shop.state.v2.state_pb2 import AccessState
from waybill import errors
from waybill.expectations import Expectations
from waybill.metadata import REFERENCE, Entry
from waybill.references import record
from waybill.references.cache import CacheBounds
from waybill.references.handle import name_of, new_handle
from waybill.references.reader import MAX_REFERENCES, ReferenceReader
from waybill.references.store import Filed, ReferenceSource
from waybill.references.testing import MemoryReferenceStore
from waybill.status import status_of
from waybill.testing import FakeClock
from waybill.values import State, VerifiedState

TTL_S = 300


def decoded(payload: bytes) -> State[str]:
    message = AccessState.FromString(payload)
    return State(
        message.issuer,
        message.audience,
        message.subject,
        message.revision,
        message.issue_time.seconds,
        message.expire_time.seconds,
        "content",
    )


@dataclass
class Bench:
    """A reader of version 2 on a store in memory, whose clock never ends a record by itself."""

    ttl_s: float = 0.0
    clock: FakeClock = field(default_factory=FakeClock)
    ticks: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.store = MemoryReferenceStore(FakeClock())
        self.reader = self.reading(self.store)

    def reading(self, source: ReferenceSource) -> ReferenceReader[str]:
        return ReferenceReader(
            source,
            Expectations("products", "orders", self.clock, leeway_s=0),
            family="shop.state.v{version}.AccessState",
            decoders={2: decoded},
            bounds=CacheBounds(ttl_s=self.ttl_s),
            cache_clock=self.ticks,
        )

    async def issue(
        self, subject: str = "ada", *, audience: str = "orders", revision: int = 7
    ) -> str:
        now = int(self.clock())
        message = AccessState(
            issuer="products", audience=audience, subject=subject, revision=revision
        )
        message.issue_time.seconds, message.expire_time.seconds = now, now + TTL_S
        return await self.file(record.encode([message]), subject, audience, revision)

    async def file(
        self, held: bytes, subject: str = "ada", audience: str = "orders", revision: int = 7
    ) -> str:
        handle = new_handle()
        await self.store.put(Filed(name_of(handle, audience), subject, revision, TTL_S, held))
        return handle

    async def read(self, *handles: str, subject: str = "ada", **options: int) -> Sequence[object]:
        metadata: list[Entry] = [(REFERENCE, handle) for handle in handles]
        options = {"min_revision": 0, **options}
        return await self.reader.read(metadata, subject=subject, **options)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_state_comes_in_the_order_of_its_handles(bench: Bench) -> None:
    handles = [await bench.issue(revision=number) for number in (3, 1, 2)]
    states = await bench.read(*handles, handles[0])
    revisions = [state.revision for state in states if isinstance(state, VerifiedState)]
    assert revisions == [3, 1, 2, 3]
    assert len(bench.store.asked) == 1


async def test_no_handle_is_missing_state(bench: Bench) -> None:
    with pytest.raises(errors.StateMissing):
        await bench.read()


async def unknown(_bench: Bench) -> str:
    return new_handle()


async def expired(bench: Bench) -> str:
    handle = await bench.issue()
    bench.clock.advance(TTL_S)
    return handle


async def revoked(bench: Bench) -> str:
    handle = await bench.issue()
    await bench.store.revoke("ada", 8)
    return handle


async def for_another_audience(bench: Bench) -> str:
    return await bench.issue(audience="billing")


async def of_a_store_that_was_emptied(bench: Bench) -> str:
    handle = await bench.issue()
    bench.store.empty()
    return handle


NO_HANDLES = ["", "x", "A" * 23, "A" * 21 + "B", "A" * 21 + "=", "A" * 20 + "é"]
DEAD_ENDS = [unknown, expired, revoked, for_another_audience, of_a_store_that_was_emptied]


async def answer(bench: Bench, handle: str, subject: str = "ada") -> tuple[object, int]:
    """Everything that the caller gets to see, and how often the store was asked for it."""
    before = len(bench.store.asked)
    with pytest.raises(errors.WaybillError) as refusal:
        await bench.read(handle, subject=subject)
    return status_of(refusal.value, request_id="r"), len(bench.store.asked) - before


@pytest.mark.parametrize("ttl_s", [0.0, 1.0], ids=["no cache", "cache"])
@pytest.mark.parametrize("dead_end", DEAD_ENDS)
async def test_dead_ends_look_alike_and_cost_the_same(
    dead_end: Callable[[Bench], object], ttl_s: float
) -> None:
    bench = Bench(ttl_s)
    handle: str = await dead_end(bench)  # type: ignore[misc]
    expected = status_of(errors.StateInvalid(), request_id="r"), 1
    assert await answer(bench, handle) == expected


@pytest.mark.parametrize("dead_end", [unknown, revoked, for_another_audience])
async def test_dead_ends_look_alike_to_strangers_as_well(
    dead_end: Callable[[Bench], object],
) -> None:
    bench = Bench()
    handle: str = await dead_end(bench)  # type: ignore[misc]
    assert await answer(bench, handle, "eve") == (
        status_of(errors.StateInvalid(), request_id="r"),
        1,
    )


@pytest.mark.parametrize("text", NO_HANDLES)
async def test_what_is_no_handle_is_refused_in_the_same_words(bench: Bench, text: str) -> None:
    status, asked = await answer(bench, text)
    assert status == status_of(errors.StateInvalid(), request_id="r")
    assert asked == 0


async def test_one_dead_end_refuses_the_whole_call(bench: Bench) -> None:
    with pytest.raises(errors.StateInvalid):
        await bench.read(await bench.issue(), new_handle())


async def test_a_live_handle_of_somebody_else_is_a_subject_mismatch(bench: Bench) -> None:
    with pytest.raises(errors.SubjectMismatch):
        await bench.read(await bench.issue("ada"), subject="eve")


async def test_below_the_demanded_revision_it_is_superseded(bench: Bench) -> None:
    handle = await bench.issue(revision=7)
    assert await bench.read(handle, min_revision=7)
    with pytest.raises(errors.StateSuperseded) as refusal:
        await bench.read(handle, min_revision=8)
    assert refusal.value.facts == {"revision": "7", "min_revision": "8"}


async def test_too_many_handles_are_refused_before_anything_is_looked_up(bench: Bench) -> None:
    with pytest.raises(errors.StateTooLarge):
        await bench.read(*(new_handle() for _ in range(MAX_REFERENCES + 1)))
    assert bench.store.asked == []


async def test_without_the_store_nothing_is_known(bench: Bench) -> None:
    handle = await bench.issue()
    bench.store.available = False
    for each in (handle, new_handle()):
        with pytest.raises(errors.ReferenceStoreUnavailable):
            await bench.read(each)


@pytest.mark.parametrize("held", [b"", b"\xff", b"\x05hello", record.encode([AccessState()])])
async def test_a_record_that_makes_no_sense_is_no_grant(bench: Bench, held: bytes) -> None:
    with pytest.raises(errors.StateInvalid):
        await bench.read(await bench.file(held))


async def test_a_cached_state_is_checked_against_each_call() -> None:
    bench = Bench(ttl_s=3600)
    handle = await bench.issue()
    await bench.read(handle)
    with pytest.raises(errors.SubjectMismatch):
        await bench.read(handle, subject="eve")
    with pytest.raises(errors.StateSuperseded):
        await bench.read(handle, min_revision=8)
    bench.clock.advance(TTL_S)
    with pytest.raises(errors.StateInvalid):
        await bench.read(handle)
    assert len(bench.store.asked) == 1


async def test_revocation_counts_when_the_cached_entry_ends() -> None:
    bench = Bench(ttl_s=1.0)
    handle = await bench.issue()
    await bench.read(handle)
    await bench.store.revoke("ada", 8)
    bench.ticks.advance(0.99)
    assert await bench.read(handle)
    bench.ticks.advance(0.01)
    with pytest.raises(errors.StateInvalid):
        await bench.read(handle)


async def test_without_a_cache_revocation_counts_at_once(bench: Bench) -> None:
    handle = await bench.issue()
    await bench.read(handle)
    await bench.store.revoke("ada", 8)
    with pytest.raises(errors.StateInvalid):
        await bench.read(handle)


async def test_a_cached_state_needs_no_store_for_as_long_as_it_lives() -> None:
    bench = Bench(ttl_s=1.0)
    handle = await bench.issue()
    await bench.read(handle)
    bench.store.available = False
    assert await bench.read(handle)
    bench.ticks.advance(1.0)
    with pytest.raises(errors.ReferenceStoreUnavailable):
        await bench.read(handle)


async def test_dead_ends_are_not_remembered() -> None:
    bench = Bench(ttl_s=3600)
    handle = new_handle()
    for _ in range(2):
        with pytest.raises(errors.StateInvalid):
            await bench.read(handle)
    assert len(bench.store.asked) == 2


@pytest.mark.parametrize(("ttl_s", "questions"), [(1.0, 1), (0.0, 50)])
async def test_callers_at_the_same_time_share_a_look_up_where_there_is_a_cache(
    ttl_s: float, questions: int
) -> None:
    bench = Bench(ttl_s)
    handle = await bench.issue()
    await asyncio.gather(*(bench.read(handle) for _ in range(50)))
    assert len(bench.store.asked) == questions


@dataclass
class SlowStore:
    """The answer of a look-up is what was so when it was asked; it arrives once `arrive` is set."""

    store: MemoryReferenceStore
    arrive: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        found = await self.store.get(names)
        self.asked.set()
        await self.arrive.wait()
        return found


@pytest.mark.parametrize(("under_way_s", "questions"), [(0.99, 1), (1.0, 2), (30.0, 2)])
async def test_a_look_up_that_is_older_than_an_entry_may_be_is_not_joined(
    under_way_s: float, questions: int
) -> None:
    bench = Bench(ttl_s=1.0)
    slow = SlowStore(bench.store)
    bench.reader = bench.reading(slow)
    handle = await bench.issue()
    first = asyncio.create_task(bench.read(handle))
    await slow.asked.wait()
    await bench.store.revoke("ada", 8)
    bench.ticks.advance(under_way_s)
    second = asyncio.create_task(bench.read(handle))
    await asyncio.sleep(0)
    slow.arrive.set()
    assert await first, "it was asked before the revocation"
    (outcome,) = await asyncio.gather(second, return_exceptions=True)
    assert isinstance(outcome, errors.StateInvalid) == (questions == 2)
    assert len(bench.store.asked) == questions


async def test_a_shared_failure_is_a_failure_for_all_and_is_not_kept() -> None:
    bench = Bench(ttl_s=1.0)
    handle = await bench.issue()
    bench.store.available = False
    outcomes = await asyncio.gather(*(bench.read(handle) for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in outcomes} == {errors.ReferenceStoreUnavailable}
    bench.store.available = True
    assert await bench.read(handle)


async def test_a_caller_without_time_is_told_so(bench: Bench) -> None:
    handle = await bench.issue()
    with pytest.raises(errors.DeadlineSpent):
        await bench.read(handle, time_left_s=0)


async def test_the_reader_ends_what_it_waits_for() -> None:
    bench = Bench(ttl_s=1.0)
    never = asyncio.Event()

    async def hang(_names: Sequence[bytes]) -> Sequence[bytes | None]:
        await never.wait()
        return []

    bench.store.get = hang  # type: ignore[method-assign, assignment]
    waiting = asyncio.create_task(bench.read(new_handle()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bench.reader.close()
    with pytest.raises(errors.UpstreamUnavailable):
        await waiting
