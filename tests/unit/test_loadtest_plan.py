"""Every cell in every round, in an order that is fair."""

from collections import Counter
from itertools import groupby, pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from loadtest import profile
from loadtest.plan import ShopKind, points, seconds, spread, turns
from loadtest.profile import Changes, Profile, Sweep
from loadtest.results import FLOOR, Experiment, Warmth
from waybill.strategy import Strategy

QUICK = profile.load("quick")


def sweep(**values: object) -> Sweep:
    usual = {"experiment": "cost", "rates_per_s": [100], "duration_s": 1, "page_sizes": [10]}
    return Sweep.model_validate(usual | values)


def profile_of(*sweeps: Sweep, rounds: int = 1) -> Profile:
    return Profile(name="test", rounds=rounds, sweep=sweeps)


def test_each_round_has_every_cell_once_and_a_floor_at_each_point() -> None:
    of = profile_of(sweep(page_sizes=[1, 10, 100]), rounds=2)
    taken = Counter((turn.round, turn.cell) for turn in turns(of, seed=1))
    for number in range(2):
        each = {cell: count for (round_, cell), count in taken.items() if round_ == number}
        assert len(each) == 3 * len(Strategy) + 1
        assert all(count == (3 if cell.row == FLOOR else 1) for cell, count in each.items())


def test_rounds_follow_each_other_and_differ_in_order() -> None:
    order = list(turns(profile_of(sweep(page_sizes=[1, 10]), rounds=2), seed=1))
    assert [turn.round for turn in order] == sorted(turn.round for turn in order)
    rounds = [[turn.cell for turn in order if turn.round == number] for number in range(2)]
    assert rounds[0] != rounds[1]
    assert Counter(rounds[0]) == Counter(rounds[1])


def test_a_sweep_of_fewer_rounds_is_spread_over_all_of_them() -> None:
    of = profile_of(sweep(), sweep(page_sizes=[7], rounds=3), sweep(page_sizes=[8], rounds=9))
    visited = {
        ids: sorted({turn.round for turn in turns(of, seed=1) if turn.cell.ids == ids})
        for ids in (10, 7, 8)
    }
    assert visited == {10: [4], 7: [1, 4, 7], 8: list(range(9))}


@given(st.integers(1, 50), st.integers(1, 50))
def test_rounds_are_spread_evenly(one: int, other: int) -> None:
    few, many = sorted((one, other))
    places = sorted(spread(few, many))
    assert len(places) == few
    gaps = [after - before for before, after in pairwise(places)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert 0 <= places[0] <= places[-1] < many


def test_equal_sweeps_are_measured_once_a_round() -> None:
    once = list(turns(profile_of(sweep()), seed=1))
    twice = list(turns(profile_of(sweep(), sweep(rounds=1)), seed=1))
    assert Counter(twice) == Counter(once)


def test_the_floor_can_be_taken_several_times_a_round() -> None:
    taken = list(turns(profile_of(sweep(floors=3)), seed=1))
    assert sum(turn.cell.row == FLOOR for turn in taken) == 3


def test_services_of_one_kind_are_done_with_before_the_next() -> None:
    of = profile_of(sweep(workers=[1, 2], algorithms=["EdDSA", "RS256"]), sweep(), rounds=2)
    kinds = [kind for kind, _ in groupby(turns(of, seed=1), key=lambda t: ShopKind.of(t.cell))]
    assert kinds == [ShopKind(*kind) for kind in product((1, 2), ("EdDSA", "RS256"))]


def test_the_seed_decides_the_order() -> None:
    assert list(turns(QUICK, seed=1)) == list(turns(QUICK, seed=1))
    assert list(turns(QUICK, seed=1)) != list(turns(QUICK, seed=2))


def test_each_point_is_a_combination_of_axes_once() -> None:
    of = sweep(page_sizes=[1, 100], grants=[0, 1, 1000], workers=[1, 2])
    found = {(point.ids, point.grants, point.workers) for point in points(of)}
    # A page holds no more than there is.
    sizes = {(1, 0), (1, 1), (1, 1000), (100, 0), (100, 1000)}
    assert found == {(*size, workers) for size in sizes for workers in (1, 2)}


def test_cold_users_have_a_new_page_for_each_call() -> None:
    of = sweep(experiment="cold", rates_per_s=[100], duration_s=2, warm_up_s=0.2, users=[4])
    (point,) = points(of)
    assert point.grants == (50 + 5) * 10
    assert point.cell("replica", of.called[0]).warmth is Warmth.COLD


def test_journeys_have_pages_until_a_repeated_one_is_new() -> None:
    of = sweep(experiment="journey", orders_per_list=[5], rates_per_s=[100], users=[4])
    (point,) = points(of)
    assert point.grants == 10 * 10  # 25 orders a second, a page for 5, for 2 seconds
    assert point.cell("replica", point.sweep.called[0]).orders_per_list == 5


def test_rising_rates_are_loads_of_one_turn_and_only_the_first_warms_up() -> None:
    of = profile_of(sweep(experiment="saturation", rates_per_s=[100, 200, 400], warm_up_s=0.5))
    for turn in turns(of, seed=1):
        assert [load.rate_per_s for load in turn.loads] == [100, 200, 400]
        assert [load.warm_up_s for load in turn.loads] == [0.5, 0, 0]


def test_the_cliff_has_no_floor() -> None:
    rows = {t.cell.row for t in turns(QUICK, seed=1) if t.experiment is Experiment.CLIFF}
    assert rows == {Strategy.METADATA_JWT.value}


def test_the_quick_profile_leaves_time_to_start_within_four_minutes() -> None:
    planned = seconds(QUICK)
    without_one = seconds(QUICK.changed(Changes(strategies=tuple(Strategy)[:-1])))
    six = planned + (planned - without_one) * (6 - len(Strategy))
    assert six < 215
