"""Every cell in every round, in an order that is fair."""

from collections import Counter

from loadtest.plan import FLOOR_CELL, QUICK, seconds, turns


def test_each_round_has_every_cell_once_and_the_floor_for_each_size() -> None:
    taken = Counter((turn.round, turn.cell) for turn in turns(QUICK, seed=1))
    cells = {cell for _, cell in taken}
    strategies = len(QUICK.strategies) * len(QUICK.ids) * len(QUICK.methods)
    assert len(cells) == strategies + 1
    for number in range(QUICK.rounds):
        for cell in cells:
            assert taken[number, cell] == (len(QUICK.ids) if cell == FLOOR_CELL else 1)


def test_rounds_follow_each_other_and_differ_in_order() -> None:
    order = list(turns(QUICK, seed=1))
    assert [turn.round for turn in order] == sorted(turn.round for turn in order)
    rounds = [[turn.cell for turn in order if turn.round == number] for number in range(2)]
    assert rounds[0] != rounds[1]


def test_the_seed_decides_the_order() -> None:
    assert list(turns(QUICK, seed=1)) == list(turns(QUICK, seed=1))
    assert list(turns(QUICK, seed=1)) != list(turns(QUICK, seed=2))


def test_the_quick_profile_leaves_time_to_start_within_four_minutes() -> None:
    assert seconds(QUICK) < 200
