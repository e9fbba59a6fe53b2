"""Histories of the feed, played on a virtual clock and held to what must be true of any.

A run plays 500 from a seed of its own, which it prints. `WAYBILL_SEED=N` plays those from N on, so
that the first is the one that failed.
"""

import pytest

from tests.simulation.bugs import BUGS, Bug
from tests.simulation.checker import RULES, violations
from tests.simulation.history import History
from tests.simulation.scratch import first_seed, scratch
from tests.simulation.world import play

HISTORIES = 500
PARTS = 20
SEEDS_FOR_A_BUG = 60


def played(seed: int) -> History:
    with scratch() as folder:
        return play(seed, folder)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_history_is_as_it_must_be(part: int) -> None:
    first = first_seed() + part * HISTORIES // PARTS
    for seed in range(first, first + HISTORIES // PARTS):
        wrong = violations(played(seed))
        assert not wrong, f"replay with WAYBILL_SEED={seed}: {wrong[0]}"


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_each_planted_bug_is_noticed(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    unnoticed = set(bug.noticed_by)
    for seed in range(SEEDS_FOR_A_BUG):
        unnoticed -= {violation.rule for violation in violations(played(seed))}
        if not unnoticed:
            return
    pytest.fail(f"{unnoticed} passed {SEEDS_FOR_A_BUG} histories")


def test_every_rule_notices_something() -> None:
    assert set(RULES) == {rule for bug in BUGS for rule in bug.noticed_by}


def test_a_seed_is_a_history() -> None:
    assert played(7).records == played(7).records
    assert played(7).records != played(8).records
