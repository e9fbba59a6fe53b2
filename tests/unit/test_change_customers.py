"""What customers do about the state that they carry, and how the administrator makes changes."""

import asyncio
from random import Random
from typing import Any

import grpc
import pytest
from grpc import aio

from client.carriers.base import KeptPage
from loadtest.change.calls import Answer
from loadtest.change.changing import ANY, TOO_FEW, Changer, Dwell, next_right
from loadtest.change.customers import QUANTITY, Customer
from loadtest.change.history import History, Purpose
from loadtest.change.lanes import Clients, Lane, Revocation, Stated
from loadtest.change.oracle import NONE, Bounds, Key, Right, Verdict
from waybill.strategy import Strategy
from waybill.testing import FakeClock
from waybill.values import CarriedState

TEA = "tea"
EXPIRED = Answer(Verdict.UNDECIDED, "UNAUTHENTICATED STATE_EXPIRED")
MISSING = Answer(Verdict.UNDECIDED, "UNAUTHENTICATED STATE_MISSING")
DENIED = Answer(Verdict.REFUSED, "PERMISSION_DENIED NOT_GRANTED")
AWAY = Answer(Verdict.UNDECIDED, "UNAVAILABLE")
ACCEPTED = Answer(Verdict.ACCEPTED)


def failure() -> aio.AioRpcError:
    nothing = aio.Metadata()
    return aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing)


class FakeDesk:
    """Answers as it is told, and counts listings."""

    def __init__(self, *answers: Answer, products: tuple[str, ...] = (TEA,)) -> None:
        self._answers = iter(answers)
        self._products = frozenset(products)
        self.listings = 0
        self.broken = False
        self.slow: asyncio.Event | None = None

    async def listed(self) -> KeptPage:
        self.listings += 1
        if self.slow:
            await self.slow.wait()
        if self.broken:
            raise failure()
        return KeptPage(self._products, self.listings, CarriedState())

    def carried(self, page: KeptPage, _product_id: str) -> CarriedState:
        return page.carried

    async def order(self, _product_id: str, quantity: int, _carried: CarriedState) -> Answer:
        assert quantity == QUANTITY
        return next(self._answers)


def customer(
    desk: Any, clients: Clients, strategy: Strategy = Strategy.METADATA_JWT
) -> tuple[Customer, History, FakeClock]:
    lane = Lane(strategy, clients, Revocation.EXPIRY, Stated(Bounds(1, 1, 1, 1), ""))
    history, clock = History(), FakeClock()
    return Customer("ann", lane, desk, history, state_ttl_s=10, clock=clock), history, clock


@pytest.mark.parametrize(
    ("clients", "answer", "listings"),
    [
        (Clients.HOLD, ACCEPTED, 1),
        (Clients.HOLD, DENIED, 1),
        (Clients.HOLD, MISSING, 1),
        (Clients.HOLD, AWAY, 1),
        (Clients.HOLD, EXPIRED, 2),
        (Clients.REFRESH, ACCEPTED, 1),
        (Clients.REFRESH, AWAY, 1),
        (Clients.REFRESH, DENIED, 2),
        (Clients.REFRESH, MISSING, 2),
        (Clients.REFRESH, EXPIRED, 2),
    ],
)
async def test_what_a_refusal_makes_of_what_is_held(
    clients: Clients, answer: Answer, listings: int
) -> None:
    desk = FakeDesk(answer, ACCEPTED)
    ann, history, _ = customer(desk, clients)
    await ann.order(TEA, Purpose.FLOW)
    assert await ann.order(TEA, Purpose.FLOW) is Verdict.ACCEPTED
    assert desk.listings == listings
    assert [each.answer for each in history.orders] == [answer.reason, ""]


async def test_for_a_product_that_is_not_held_an_expired_page_is_listed_anew() -> None:
    desk = FakeDesk(MISSING, MISSING, MISSING, products=())
    ann, _, clock = customer(desk, Clients.HOLD)
    await ann.order(TEA, Purpose.FLOW)
    await ann.order(TEA, Purpose.FLOW)
    assert desk.listings == 1
    clock.advance(11)
    await ann.order(TEA, Purpose.FLOW)
    assert desk.listings == 2


async def test_who_carries_nothing_never_lists() -> None:
    desk = FakeDesk(DENIED, ACCEPTED)
    ann, _, _ = customer(desk, Clients.CARRY_NOTHING, Strategy.REPLICA)
    await ann.order(TEA, Purpose.FLOW)
    await ann.order(TEA, Purpose.FLOW)
    assert desk.listings == 0


async def test_without_a_list_nothing_is_ordered() -> None:
    desk = FakeDesk()
    desk.broken = True
    ann, history, _ = customer(desk, Clients.HOLD)
    assert await ann.order(TEA, Purpose.FLOW) is None
    assert history.orders == []
    assert history.lists_failed == {"UNAVAILABLE": 1}


async def test_who_waits_for_a_list_shares_its_failure() -> None:
    desk = FakeDesk()
    desk.broken, desk.slow = True, asyncio.Event()
    ann, _, clock = customer(desk, Clients.HOLD)
    orders = [asyncio.create_task(ann.order(TEA, Purpose.FLOW)) for _ in range(3)]
    await asyncio.sleep(0)
    clock.advance(3)
    desk.slow.set()
    assert await asyncio.gather(*orders) == [None, None, None]
    assert desk.listings == 1


class FakeAdministration:
    """Fails so many times before it answers."""

    def __init__(self, clock: FakeClock, failures: int) -> None:
        self._clock = clock
        self._failures = failures

    async def set(self, _subject: str, _product_ids: object, _right: Right) -> int:
        self._clock.advance(1)
        if self._failures:
            self._failures -= 1
            raise failure()
        return 7


@pytest.mark.parametrize(("failures", "revision"), [(0, 7), (2, None)])
async def test_a_change_lasts_until_its_acknowledgement(
    failures: int, revision: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.change.changing.SETTLE_S", 0.0)
    monkeypatch.setattr("loadtest.change.changing.RETRY_S", 0.0)
    clock, history = FakeClock(100.0), History()
    administration: Any = FakeAdministration(clock, failures)
    await Changer(administration, history, clock).change(Key("ann", TEA), ANY)
    (commit,) = history.commits
    assert commit.when == (100.0, 101.0 + failures)
    assert commit.revision == revision


def test_rights_come_go_and_become_narrow() -> None:
    random, right, seen = Random(1), NONE, set()
    for _ in range(200):
        following = next_right(right, random)
        assert following != right
        seen.add((right.granted, right.maximum, following.granted, following.maximum))
        right = following
    assert len(seen) == 5
    assert not TOO_FEW.allows(QUANTITY)


def test_a_right_usually_stays_for_longer_than_any_bound() -> None:
    random = Random(1)
    drawn = [Dwell(3, 5).draw(random) for _ in range(1000)]
    short = [seconds for seconds in drawn if seconds < 3]
    assert 0.1 < len(short) / len(drawn) < 0.2
    assert max(drawn) <= 5
