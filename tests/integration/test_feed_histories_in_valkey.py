"""Histories as in `test_feed_simulation`, with the copy in a real Valkey that loses it at times."""

import itertools

import pytest

from orders_svc.replica.valkey import server
from tests.simulation.checker import violations
from tests.simulation.scratch import VARIABLE, first_seed
from tests.simulation.valkey import play_in_valkey

pytestmark = pytest.mark.engines

HISTORIES = 40
PARTS = 4
_numbers = itertools.count()


@pytest.mark.parametrize("part", range(PARTS))
def test_every_history_is_as_it_must_be(part: int, valkey_url: str) -> None:
    first = first_seed() + part * HISTORIES // PARTS
    for seed in range(first, first + HISTORIES // PARTS):
        wrong = violations(play_in_valkey(seed, valkey_url, f"histories-{next(_numbers)}"))
        assert not wrong, f"replay with {VARIABLE}={seed}: {wrong[0]}"


# What a mistake in the scripts would be, and the rule that must notice it.
MISTAKES = {
    "grants that are gone are taken for none": (
        "if redis.call('HLEN', meta.key) ~= tonumber(meta.grants) then return nil end",
        "",
        "truthful",
    ),
    "the copy is written wherever it is": (
        "return meta.epoch == epoch and meta.revision == revision",
        "return true",
        "no_gap",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_scripts_is_noticed(
    mistake: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong, rule = MISTAKES[mistake]
    text = server._text
    assert right in text("common")
    monkeypatch.setattr(server, "_text", lambda name: text(name).replace(right, wrong))
    for seed in range(40):
        history = play_in_valkey(seed, valkey_url, f"mistakes-{next(_numbers)}")
        if rule in {violation.rule for violation in violations(history)}:
            return
    pytest.fail(f"{mistake}, in 40 histories")
