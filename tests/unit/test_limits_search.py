"""Bisection finds a sharp limit to the byte, and notices one that is not sharp."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.limits.search import CONFIRMATIONS, find_edge, find_region

BOUND = 100_000


@settings(deadline=None)
@given(limit=st.integers(0, BOUND - 1), guess=st.none() | st.integers(-5, BOUND + 5))
def test_a_sharp_limit_is_found_to_the_byte_whatever_the_guess(
    limit: int, guess: int | None
) -> None:
    edge = find_edge(lambda size: size <= limit, BOUND, guess=guess)
    assert (edge.largest, edge.bounded, edge.random, edge.reopened) == (limit, False, False, None)


@settings(deadline=None)
@given(limit=st.integers(0, BOUND - 1))
def test_a_right_guess_saves_calls(limit: int) -> None:
    calls = []

    def passes(size: int) -> bool:
        calls.append(size)
        return size <= limit

    find_edge(passes, BOUND, guess=limit)
    assert len(calls) <= 2 * CONFIRMATIONS + 3


def test_no_limit_up_to_the_bound_is_said_to_be_none() -> None:
    edge = find_edge(lambda _: True, BOUND)
    assert edge.bounded
    assert edge.largest == BOUND


def test_where_nothing_passes_there_is_no_edge() -> None:
    assert find_edge(lambda _: False, BOUND).largest == -1


@settings(deadline=None)
@given(soft=st.integers(1000, 40_000), width=st.integers(1000, 40_000), seed=st.integers())
def test_a_region_of_chance_is_noticed_and_bordered(soft: int, width: int, seed: int) -> None:
    random = Random(seed)
    hard = soft + width

    def passes(size: int) -> bool:
        return random.random() >= (size - soft) / width

    edge = find_edge(passes, BOUND)
    if edge.random:
        region = find_region(passes, edge.largest, BOUND)
        assert region.always <= edge.largest
        assert soft - 1 <= region.never <= hard + 1
    else:
        # Only where nearly all calls agree may the region be missed.
        assert edge.largest >= soft - 1


def test_a_limit_with_a_gap_is_told() -> None:
    edge = find_edge(lambda size: size <= 700 or size >= 10_000, 80_000, guess=700)
    assert edge.largest == 700
    assert edge.reopened is not None
    assert edge.reopened >= 10_000
