"""Asking products, alone and together, from the cache and not."""

import asyncio
from collections.abc import Sequence

import pytest

from orders_svc.access import AccessQuery, Grant
from orders_svc.strategies.direct_call import AccessAnswer, DirectCallResolver, UpstreamTimedOut
from waybill.answer_cache import AnswerCache, CacheLimits
from waybill.errors import DeadlineSpent, RevisionNotReached, UpstreamUnavailable, WaybillError
from waybill.testing import FakeClock

TTL_S, NEGATIVE_TTL_S = 5.0, 1.0


class FakeProducts:
    """A source that remembers what it was asked, and can be held, broken and changed."""

    def __init__(self) -> None:
        self.granted: dict[str, set[str]] = {"ada": {"1", "2"}}
        self.revision = 10
        self.asked: list[tuple[str, tuple[str, ...], float]] = []
        self.failure: WaybillError | None = None
        self.was_asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def check_access(
        self, subject: str, product_ids: Sequence[str], *, timeout_s: float
    ) -> AccessAnswer:
        self.asked.append((subject, tuple(product_ids), timeout_s))
        self.was_asked.set()
        revision, granted = self.revision, set(self.granted.get(subject, ()))
        await self.open.wait()
        if self.failure:
            raise self.failure
        grants = {p: Grant(p, 0, 1_000_000, revision) for p in product_ids if p in granted}
        return AccessAnswer(grants, revision)


def query(
    *ids: str, subject: str = "ada", min_revision: int = 0, time_left_s: float | None = None
) -> AccessQuery:
    return AccessQuery(subject, ids, min_revision, (), (), time_left_s)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def products() -> FakeProducts:
    return FakeProducts()


def make(products: FakeProducts, clock: FakeClock, ttl_s: float = TTL_S) -> DirectCallResolver:
    limits = CacheLimits(ttl_s, NEGATIVE_TTL_S, jitter=0.0)
    return DirectCallResolver(products, AnswerCache(limits, clock), timeout_s=1.0)


@pytest.fixture
def resolver(products: FakeProducts, clock: FakeClock) -> DirectCallResolver:
    return make(products, clock)


@pytest.fixture
def uncached(products: FakeProducts, clock: FakeClock) -> DirectCallResolver:
    return make(products, clock, ttl_s=0.0)


async def test_what_products_does_not_grant_is_absent(resolver: DirectCallResolver) -> None:
    grants = await resolver.resolve(query("1", "3"))
    assert grants == {"1": Grant("1", 0, 1_000_000, 10)}


async def test_asks_once_and_only_for_what_is_missing(
    resolver: DirectCallResolver, products: FakeProducts
) -> None:
    await resolver.resolve(query("1"))
    await resolver.resolve(query("1"))
    grants = await resolver.resolve(query("2", "1", "3", "2"))
    assert set(grants) == {"1", "2"}
    assert [ids for _, ids, _ in products.asked] == [("1",), ("2", "3")]


async def test_a_denial_is_cached_for_less_long(
    resolver: DirectCallResolver, products: FakeProducts, clock: FakeClock
) -> None:
    assert await resolver.resolve(query("1", "3")) == {"1": Grant("1", 0, 1_000_000, 10)}
    clock.advance(NEGATIVE_TTL_S)
    products.granted["ada"].add("3")
    assert set(await resolver.resolve(query("1", "3"))) == {"1", "3"}
    assert [ids for _, ids, _ in products.asked] == [("1", "3"), ("3",)]
    clock.advance(TTL_S - NEGATIVE_TTL_S)
    await resolver.resolve(query("1", "3"))
    assert products.asked[-1][1] == ("1",)


async def test_subjects_do_not_share_answers(
    resolver: DirectCallResolver, products: FakeProducts
) -> None:
    products.open.clear()
    both = [
        asyncio.create_task(resolver.resolve(query("1", subject=name))) for name in ("ada", "bob")
    ]
    await asyncio.sleep(0)
    products.open.set()
    ada, bob = await asyncio.gather(*both)
    assert set(ada) == {"1"}
    assert bob == {}


async def test_concurrent_orders_share_one_question(
    resolver: DirectCallResolver, products: FakeProducts
) -> None:
    products.open.clear()
    tasks = [asyncio.create_task(resolver.resolve(query("2", "1"))) for _ in range(20)]
    tasks += [asyncio.create_task(resolver.resolve(query("1", "2"))) for _ in range(20)]
    await asyncio.sleep(0)
    products.open.set()
    assert all(set(grants) == {"1", "2"} for grants in await asyncio.gather(*tasks))
    assert len(products.asked) == 1


async def test_a_question_sent_before_the_change_does_not_serve_who_demands_it(
    resolver: DirectCallResolver, products: FakeProducts
) -> None:
    products.open.clear()
    early = asyncio.create_task(resolver.resolve(query("1")))
    await products.was_asked.wait()
    products.granted["ada"].clear()
    products.revision = 11
    demanding = asyncio.create_task(resolver.resolve(query("1", min_revision=11)))
    await asyncio.sleep(0)
    products.open.set()
    assert set(await early) == {"1"}
    assert await demanding == {}
    assert await resolver.resolve(query("1")) == {}, "the newer answer stays, whichever came last"


async def test_required_revision_goes_past_an_older_entry(
    resolver: DirectCallResolver, products: FakeProducts
) -> None:
    await resolver.resolve(query("1"))
    products.granted["ada"].clear()
    products.revision = 11
    assert set(await resolver.resolve(query("1"))) == {"1"}, "within its time to live"
    assert await resolver.resolve(query("1", min_revision=11)) == {}


async def test_an_answer_below_the_required_revision(
    resolver: DirectCallResolver, uncached: DirectCallResolver
) -> None:
    for each in (resolver, uncached):
        with pytest.raises(RevisionNotReached):
            await each.resolve(query("1", min_revision=11))


async def test_upstream_down_and_no_usable_entry(
    resolver: DirectCallResolver, products: FakeProducts, clock: FakeClock
) -> None:
    await resolver.resolve(query("1"))
    products.failure = UpstreamUnavailable("products answered UNAVAILABLE")
    assert set(await resolver.resolve(query("1"))) == {"1"}, "a live entry needs no upstream"
    with pytest.raises(UpstreamUnavailable):
        await resolver.resolve(query("1", "2"))
    clock.advance(TTL_S)
    with pytest.raises(UpstreamUnavailable):
        await resolver.resolve(query("1"))


async def test_a_failure_is_not_cached(
    resolver: DirectCallResolver, products: FakeProducts
) -> None:
    products.failure = UpstreamUnavailable()
    with pytest.raises(UpstreamUnavailable):
        await resolver.resolve(query("1"))
    products.failure = None
    assert set(await resolver.resolve(query("1"))) == {"1"}


async def test_the_shared_question_has_the_services_time(
    resolver: DirectCallResolver, products: FakeProducts
) -> None:
    products.open.clear()
    with pytest.raises(DeadlineSpent):
        await resolver.resolve(query("1", time_left_s=0.001))
    patient = asyncio.create_task(resolver.resolve(query("1")))
    await asyncio.sleep(0)
    products.open.set()
    assert set(await patient) == {"1"}
    assert products.asked == [("ada", ("1",), 1.0)]


@pytest.mark.parametrize(("time_left_s", "given"), [(None, 1.0), (30.0, 1.0), (0.25, 0.25)])
async def test_the_uncached_question_has_the_shorter_time(
    uncached: DirectCallResolver, products: FakeProducts, time_left_s: float | None, given: float
) -> None:
    await uncached.resolve(query("1", time_left_s=time_left_s))
    assert products.asked == [("ada", ("1",), given)]


@pytest.mark.parametrize(
    ("time_left_s", "refusal"), [(None, UpstreamUnavailable), (0.25, DeadlineSpent)]
)
async def test_whose_time_was_up(
    uncached: DirectCallResolver,
    products: FakeProducts,
    time_left_s: float | None,
    refusal: type[WaybillError],
) -> None:
    products.failure = UpstreamTimedOut()
    with pytest.raises(refusal):
        await uncached.resolve(query("1", time_left_s=time_left_s))


async def test_a_short_deadline_does_not_rename_an_outage(
    uncached: DirectCallResolver, products: FakeProducts
) -> None:
    products.failure = UpstreamUnavailable()
    with pytest.raises(UpstreamUnavailable):
        await uncached.resolve(query("1", time_left_s=0.25))


async def test_spent_deadline_asks_nothing(
    resolver: DirectCallResolver, uncached: DirectCallResolver, products: FakeProducts
) -> None:
    for each in (resolver, uncached):
        with pytest.raises(DeadlineSpent):
            await each.resolve(query("1", time_left_s=0.0))
    assert products.asked == []


async def test_uncached_asks_each_time_and_alone(
    uncached: DirectCallResolver, products: FakeProducts
) -> None:
    await asyncio.gather(*(uncached.resolve(query("1")) for _ in range(3)))
    assert len(products.asked) == 3


async def test_close_ends_what_runs(resolver: DirectCallResolver, products: FakeProducts) -> None:
    products.open.clear()
    waiting = asyncio.create_task(resolver.resolve(query("1")))
    await asyncio.sleep(0)
    await resolver.close()
    with pytest.raises(UpstreamUnavailable):
        await waiting


@pytest.mark.parametrize(("under_way_s", "questions"), [(0.9, 1), (1.1, 2)])
async def test_a_question_that_is_too_old_to_join_is_asked_anew(
    resolver: DirectCallResolver,
    products: FakeProducts,
    clock: FakeClock,
    under_way_s: float,
    questions: int,
) -> None:
    products.open.clear()
    first = asyncio.create_task(resolver.resolve(query("3")))
    await products.was_asked.wait()
    products.granted["ada"].add("3")
    clock.advance(under_way_s)
    second = asyncio.create_task(resolver.resolve(query("3")))
    await asyncio.sleep(0)
    products.open.set()
    assert await first == {}
    assert set(await second) == ({"3"} if questions == 2 else set())
    assert len(products.asked) == questions
