"""What users of one process share adds up to the load that was asked."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.carriers.base import KeptPage
from loadtest.callers import Favourites
from loadtest.holding import NewPages, OnePage, ReusedPages
from loadtest.lab import share
from loadtest.listing import ListedPage
from loadtest.results import Load
from waybill.strategy import Strategy
from waybill.values import CarriedState


@given(rate=st.floats(1, 3000), duration=st.floats(0.1, 10), users=st.integers(1, 64))
def test_shares_of_users_add_up_to_the_load(rate: float, duration: float, users: int) -> None:
    load = Load(rate_per_s=rate, duration_s=duration, warm_up_s=0, users=users, max_in_flight=1)
    shares = [share(load, user) for user in range(users)]
    assert sum(shares) == round(rate * duration)
    assert max(shares) - min(shares) <= 1


def page(name: str) -> ListedPage:
    kept = KeptPage(frozenset({name}), 1, CarriedState())
    return ListedPage(Strategy.REPLICA, [name], (), kept, "")


def test_one_page_is_always_the_same() -> None:
    pages = OnePage(page("a"))
    assert pages.take() is pages.take() is pages.peek()


def test_only_pages_that_last_are_there_to_be_remembered() -> None:
    assert len(OnePage(page("a")).lasting()) == 1
    assert NewPages(map(page, "abc")).lasting() == ()
    assert ReusedPages(map(page, "abc"), times=2).lasting() == ()


def test_favourites_are_prepared_when_they_are_wanted_and_once() -> None:
    favourites = Favourites(page("a"), ["a", "b", "c"])
    first = favourites.first()
    assert favourites.first() is first
    chosen = [favourites.any(Random(seed)) for seed in range(50)]
    assert len({id(each) for each in (first, *chosen)}) == 3
    assert [each.product_id for each in favourites.all()] == ["a", "b", "c"]


def test_new_pages_are_used_once_and_peeking_uses_none() -> None:
    pages = NewPages(map(page, "abc"))
    assert pages.peek().product_ids == ["a"]
    assert [pages.take().product_ids[0] for _ in range(3)] == ["a", "b", "c"]
    with pytest.raises(IndexError):
        pages.take()


def test_reused_pages_are_listed_when_they_are_needed() -> None:
    listed: list[str] = []

    def listing(name: str) -> ListedPage:
        listed.append(name)
        return page(name)

    pages = ReusedPages(map(listing, "abcd"), times=2)
    assert [pages.take().product_ids[0] for _ in range(4)] == ["a", "a", "b", "b"]
    assert listed == ["a", "b"]
