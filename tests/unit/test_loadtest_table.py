"""The table keeps to its width and says what happened."""

import io

from loadtest.report.advice import CHOOSE_WHEN
from loadtest.results import Cell, Experiment, Failure, Method, Run
from loadtest.table import WIDTH, console, show
from tests.unit import report_samples
from tests.unit.loadtest_samples import floor, measured, run_of, sample


def shown(run: Run) -> str:
    out = io.StringIO()
    show(run, console(out))
    return out.getvalue()


def test_is_plain_and_at_most_100_columns_wide() -> None:
    text = shown(
        run_of(
            floor(),
            sample("replica", of=measured(orders_s=0.13)),
            sample(
                "metadata-jwt", ids=1000, of=measured(ok=0, refused={"RESOURCE_EXHAUSTED": 200})
            ),
        )
    )
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text


def test_shows_cells_ratios_and_refusals_by_code() -> None:
    text = shown(
        run_of(
            floor(),
            sample("replica", of=measured(orders_s=0.13)),
            sample("metadata-jwt", of=measured(ok=0, refused={"RESOURCE_EXHAUSTED": 200})),
        )
    )
    assert "PlaceOrder(validate_only), 100/s asked, 100 ids" in text
    assert "1.30 ±0.00" in text
    assert "RESOURCE_" in text
    assert "EXHAUSTED" in text
    words = " ".join(text.split())
    assert "Mostly refused in 1 of 3 cells, from 100 ids on: metadata-jwt 1" in words
    assert "Target met: replica" in text
    assert "20270115T080000Z-1f3a" in text


def test_marks_saturated_cells() -> None:
    text = shown(run_of(floor(), sample("replica", of=measured(lag_s=1.0))))
    assert "saturated" in text
    assert "Saturated in 1 of 2 rounds, which are left out: replica 1" in " ".join(text.split())


def test_many_saturated_cells_are_one_line() -> None:
    late = [sample("replica", ids=ids, of=measured(lag_s=1.0, dropped=5)) for ids in range(1, 40)]
    text = " ".join(shown(run_of(floor(), *late)).split())
    assert text.count("Saturated in 39 of 40 rounds") == 1
    assert text.count("Dropped 195 of ") == 1


def test_failures_are_counted_and_the_first_is_told() -> None:
    cell = Cell(row="replica", ids=5, method=Method.PLACE)
    failed = Failure(
        cell=cell, experiment=Experiment.COST, round=1, rate_per_s=9, reason="no such list"
    )
    run = run_of(floor()).model_copy(update={"failures": (failed, failed)})
    assert "Failed: 2 measurements: replica 2. The first: no such list" in shown(run)


def test_says_when_it_was_stopped_early() -> None:
    assert "Stopped early" in shown(run_of(floor(), complete=False))
    assert "No cell was measured" in shown(run_of(complete=False))


def test_large_numbers_fit() -> None:
    text = shown(run_of(floor(), sample("message-field", of=measured(ok=200, orders_s=199.0))))
    assert max(map(len, text.splitlines())) <= WIDTH


def test_the_verdict_comes_first_and_keeps_all_its_words() -> None:
    text = shown(report_samples.full_run())
    lines = text.splitlines()
    assert max(map(len, lines)) <= WIDTH
    verdict = text[: text.index("/s asked")]
    words = " ".join(verdict.split())
    assert "at 100 ids" in words
    assert "RESOURCE_EXHAUSTED" in words
    assert "A journey is one ListProducts and 3 orders from its page" in words
    assert "Ranked by the CPU time of whole journeys: replica < " in words
    for row, advice in CHOOSE_WHEN.items():
        if row in report_samples.STRATEGIES:
            assert all(word in words for word in advice.split()), row
