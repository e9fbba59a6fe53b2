"""Strategies are told apart by the rounds that they share, or share a rank."""

from itertools import product
from math import comb
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.ranking import chance, contradicting, dearer, factor, names, ranks
from loadtest.spread import Spread


def rounds(*costs: float) -> dict[int, float]:
    return dict(enumerate(costs))


def noisy(middle: float, random: Random, count: int = 20, noise: float = 0.06) -> dict[int, float]:
    return {number: middle * random.lognormvariate(0, noise) for number in range(count)}


def test_a_factor_is_taken_within_rounds_that_both_have() -> None:
    # A machine that gets slower from round to round: the factor stays.
    assert factor({0: 1.2, 1: 2.4, 3: 99.0}, than={0: 1.0, 1: 2.0, 2: 0.1}) == pytest.approx(1.2)
    assert factor({0: 1.0}, than={1: 1.0}) is None


def test_a_disturbed_round_moves_no_factor() -> None:
    costs = dict.fromkeys(range(20), 1.1) | {7: 5.0}
    assert factor(costs, than=dict.fromkeys(range(20), 1.0)) == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([1.10, 1.11, 1.12, 1.10, 1.11, 1.12], True),
        ([1.10, 1.11, 1.12, 1.10, 1.11], False),
        ([1.02] * 30, False),
        ([1.5, 0.7, 1.4, 0.8, 1.6, 0.9, 1.3, 0.75], False),
    ],
    ids=["apart", "too few rounds", "too little to matter", "by chance"],
)
def test_what_makes_dearer(costs: list[float], expected: bool) -> None:
    cheap = rounds(*[1.0] * len(costs))
    assert dearer(rounds(*costs), than=cheap) is expected
    assert not dearer(cheap, than=rounds(*costs))


@given(st.lists(st.integers(1, 9).map(float), min_size=1, max_size=9), st.data())
def test_chance_is_the_share_of_signs_that_are_as_one_sided(
    sizes: list[float], data: st.DataObject
) -> None:
    """Against a count of all signs, where no two sizes are equal."""
    sizes = [size + place / 100 for place, size in enumerate(sizes)]
    ordered = sorted(sizes)
    signs = data.draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes)))

    def above(chosen: tuple[bool, ...]) -> int:
        return sum(ordered.index(size) + 1 for size, up in zip(sizes, chosen, strict=True) if up)

    total = sum(range(1, len(sizes) + 1))
    seen = above(tuple(signs))
    least = min(seen, total - seen)
    sums = [above(each) for each in product((False, True), repeat=len(sizes))]
    expected = min(1.0, 2 * sum(each <= least for each in sums) / len(sums))
    observed = [size if up else -size for size, up in zip(sizes, signs, strict=True)]
    assert chance(observed) == pytest.approx(expected)


def test_no_difference_is_chance() -> None:
    assert chance([]) == chance([0.0, 0.0]) == 1.0
    assert chance([1.0, -1.0]) == 1.0


def test_who_cannot_be_told_from_the_first_of_a_rank_shares_it() -> None:
    random = Random(3)
    costs = {
        "b": noisy(1.30, random),
        "a": noisy(1.00, random),
        "c": noisy(1.305, random),
        "d": noisy(1.60, random),
        "few": rounds(1.0, 1.0),
    }
    found = ranks(costs)
    assert found == {"a": 1, "b": 2, "c": 2, "d": 4}
    assert names(found) == "a < b = c < d"


def test_two_runs_of_one_machine_rank_alike() -> None:
    """As many rounds as quick has, costs as far apart, and one round in 25 disturbed."""
    true = {"replica": 1.0, "proof": 1.145, "field": 1.15, "token": 1.21, "handle": 1.39}

    def run(random: Random) -> dict[str, dict[int, float]]:
        return {
            name: {
                number: cost * random.lognormvariate(0, 0.03) * random.choice([1] * 24 + [1.5])
                for number in range(24)
            }
            for name, cost in true.items()
        }

    equal = 0
    for seed in range(50):
        random = Random(seed)
        first, second = ranks(run(random)), ranks(run(random))
        assert not contradicting(first, second)
        equal += first == second
    assert equal >= 45


def test_only_a_reversed_order_contradicts() -> None:
    assert contradicting({"a": 1, "b": 2, "c": 2}, {"a": 1, "b": 1, "c": 3}) == []
    assert contradicting({"a": 1, "b": 2}, {"a": 2, "b": 1}) == [("a", "b")]


@given(st.integers(1, 40))
def test_the_interval_of_a_median_leaves_out_as_many_as_chance_allows(count: int) -> None:
    spread = Spread.of([float(value) for value in range(count)])
    assert spread is not None
    outside = int(spread.low)
    assert outside == count - 1 - spread.high, "the same from both ends"

    def missed(values: int) -> float:
        return float(2 * sum(comb(count, each) for each in range(values + 1)) / (1 << count))

    assert outside == 0 or missed(outside) <= 0.05
    assert missed(outside + 1) > 0.05


def test_intervals_hold_the_true_median_as_often_as_they_say() -> None:
    random, normal = Random(5), NormalDist()
    spreads = [Spread.of([normal.inv_cdf(random.random()) for _ in range(15)]) for _ in range(1000)]
    held = sum(spread is not None and spread.low <= 0 <= spread.high for spread in spreads)
    assert held >= 940
