"""What a path costs, from made-up rounds over it and beside it."""

import pytest

from loadtest.judging import judged
from loadtest.path_cost import PathCost, path_costs
from loadtest.report import paths
from loadtest.report.numbers import tick
from loadtest.report.points import Findings
from loadtest.results import Cell, Method, Sample
from loadtest.summary import summarise
from tests.unit import report_samples
from tests.unit.loadtest_samples import LOAD, histogram, measured, run_of


def check(via: str, latency_s: float, proxies_us: float, *, row: str = "replica") -> Sample:
    cell = Cell(row=row, ids=100, method=Method.VALIDATE, via=via)
    taken = measured()
    observed = taken.observed.model_copy(update={"latency": histogram(latency_s, 200)})
    cpu_s = {**taken.cpu_s, "path": proxies_us * 200 * 1e-6}
    changed = taken.model_copy(update={"observed": observed, "cpu_s": cpu_s})
    return judged(cell, 0, LOAD, changed)


def costs(*samples: Sample) -> list[PathCost]:
    return list(path_costs(summarise(samples)))


def test_a_path_is_set_against_the_same_order_without_it() -> None:
    (found,) = costs(check("direct", 0.001, 0), check("mesh", 0.003, 500))
    assert found.via == "mesh"
    assert found.waits_us.median == pytest.approx(2_000, rel=0.01)
    assert found.proxies_us.median == pytest.approx(500)


def test_each_path_and_the_range_over_the_strategies_is_told() -> None:
    found = costs(
        *(check("direct", 0.001, 0, row=row) for row in ("replica", "reference")),
        *(check("mesh", 0.003, 500, row="replica"), check("mesh", 0.004, 700, row="reference")),
        check("nginx", 0.002, 100),
    )
    assert [each.via for each in found] == ["mesh", "nginx"]
    assert str(found[0]).startswith("Via mesh an order takes 2,")
    assert found[0].proxies_us.low == pytest.approx(500)
    assert found[0].proxies_us.high == pytest.approx(700)


def test_nothing_is_said_without_the_direct_way_beside_it() -> None:
    assert costs(check("mesh", 0.003, 500)) == []
    assert costs(check("direct", 0.001, 0)) == []


def test_the_figure_has_both_paths_of_every_strategy() -> None:
    found = paths.figure(Findings.of(report_samples.full_run()))
    assert found is not None
    told = [(row[0].text, row[1].text) for row in found.table.rows]
    rows = ("floor", *report_samples.STRATEGIES)
    assert sorted(told) == sorted((row, via) for row in rows for via in ("direct", "mesh"))
    assert len(found.charts) == 2


def test_a_run_over_one_path_has_no_such_figure() -> None:
    assert paths.figure(Findings.of(run_of(check("direct", 0.001, 0)))) is None


@pytest.mark.parametrize(
    ("value", "words"), [(1.5, "1.5"), (2, "2"), (3000, "3,000"), (0.1, "0.1")]
)
def test_a_tick_says_its_value(value: float, words: str) -> None:
    assert tick(value) == words
