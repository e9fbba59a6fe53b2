"""What is believed, and what keeps up."""

import pytest

from loadtest.judging import keeps_up, nobody_answered
from loadtest.plan import turns
from loadtest.preflight import smallest
from loadtest.profile import load
from loadtest.results import Measured
from tests.unit.loadtest_samples import measured, sample
from waybill.strategy import Strategy


@pytest.mark.parametrize(
    ("of", "kept"),
    [
        (measured(), True),
        (measured(ok=150, dropped=50), False),
        (measured(lag_s=0.05), False),
        (measured(ok=100, refused={"RESOURCE_EXHAUSTED": 100}), False),
        (measured().model_copy(update={"elapsed_s": 4.0}), False),
    ],
    ids=["in time", "dropped", "generator lagged", "refused", "answered late"],
)
def test_a_rate_is_kept_up_with_where_it_is_answered_as_it_comes(of: Measured, kept: bool) -> None:
    assert keeps_up(sample("replica", of=of)) == kept


@pytest.mark.parametrize(
    ("refused", "gone"),
    [
        ({"UNAVAILABLE": 200}, True),
        ({"UNAVAILABLE REPLICA_LAGS": 200}, False),  # somebody did answer
        ({"RESOURCE_EXHAUSTED": 200}, False),
        ({}, False),
    ],
)
def test_a_service_that_refuses_is_there_and_one_that_is_gone_is_not(
    refused: dict[str, int], gone: bool
) -> None:
    assert nobody_answered(measured(ok=0 if refused else 200, refused=refused)) == gone


def test_each_strategy_is_tried_at_its_smallest_size() -> None:
    found = smallest(turns(load("quick"), seed=1))
    assert set(found) == set(Strategy)
    assert {turn.cell.ids for turn in found.values()} == {10}
