"""Rounds become rows, and what cannot be believed is not ranked."""

from pathlib import Path

import pytest

from loadtest.results import Measured, Method, RequestBytes, load_run
from loadtest.summary import summarise
from loadtest.targets import MAX_RATIO, judge_targets
from tests.unit.loadtest_samples import floor, measured, run_of, sample
from waybill.strategy import Strategy


def test_ratio_is_taken_within_each_round() -> None:
    # A machine that gets slower doubles both: the ratio stays.
    rows = summarise(
        [
            floor(0, orders_s=0.1),
            floor(1, orders_s=0.2),
            sample("replica", round_=0, of=measured(orders_s=0.13)),
            sample("replica", round_=1, of=measured(orders_s=0.26)),
        ]
    )
    ratio = rows[1].ratio
    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((1.3, 1.3, 1.3))


def test_ratio_leaves_out_what_products_does_at_rest() -> None:
    rows = summarise(
        [
            floor(products_s=0.05),
            sample("replica", of=measured(orders_s=0.13, products_s=0.05)),
        ]
    )
    assert rows[1].ratio is not None
    assert rows[1].ratio.median == pytest.approx(1.3)


def test_ratio_counts_both_services() -> None:
    rows = summarise([floor(), sample("direct-call", of=measured(orders_s=0.1, products_s=0.1))])
    assert rows[1].ratio is not None
    assert rows[1].ratio.median == pytest.approx(2.0)
    assert rows[1].products_us is not None
    assert rows[1].products_us.median == pytest.approx(500)


def test_ranks_by_cost_within_a_block() -> None:
    rows = summarise(
        [
            each
            for number in range(6)
            for each in (
                floor(number),
                sample("metadata-jwt", round_=number, of=measured(orders_s=0.3)),
                sample("replica", round_=number, of=measured(orders_s=0.2)),
                sample("replica", ids=1000, round_=number, of=measured(orders_s=0.9)),
            )
        ]
    )
    ranked = [(row.cell.row, row.cell.ids, row.rank) for row in rows]
    assert ranked == [
        ("floor", 0, None),
        ("replica", 100, 1),
        ("metadata-jwt", 100, 2),
        ("replica", 1000, 1),
    ]


@pytest.mark.parametrize(
    "of",
    [
        measured(ok=150, dropped=50),
        measured(sending_s=2.5),
        measured(lag_s=0.05),
    ],
    ids=["dropped", "late", "lagging"],
)
def test_a_saturated_cell_is_marked_and_not_ranked(of: object) -> None:
    from loadtest.results import Measured

    assert isinstance(of, Measured)
    rows = summarise(
        [
            each
            for number in range(6)
            for each in (
                floor(number),
                sample("replica", round_=number, of=of),
                sample("message-field", round_=number),
            )
        ]
    )
    by_row = {row.cell.row: row for row in rows}
    assert by_row["replica"].saturated
    assert by_row["replica"].rank is None
    assert by_row["replica"].ratio is None
    assert by_row["message-field"].rank == 1


def test_one_saturated_round_is_left_out_of_the_figures() -> None:
    rows = summarise(
        [
            floor(0),
            floor(1),
            sample("replica", round_=0, of=measured(orders_s=0.12)),
            sample("replica", round_=1, of=measured(orders_s=9.0, lag_s=0.5)),
        ]
    )
    row = rows[1]
    assert (row.rounds, row.saturated_rounds, row.saturated) == (2, 1, False)
    assert row.ratio is not None
    assert row.ratio.high == pytest.approx(1.2)
    assert row.ok == 400  # counts are of all rounds


def test_refusals_are_summed_by_code_and_a_broken_cell_is_not_ranked() -> None:
    refused = {"RESOURCE_EXHAUSTED": 150, "RESOURCE_EXHAUSTED STATE_TOO_LARGE": 50}
    rows = summarise([floor(), sample("metadata-jwt", of=measured(ok=0, refused=refused))])
    assert rows[1].refused == {"RESOURCE_EXHAUSTED": 200}
    assert rows[1].broken
    assert rows[1].rank is None
    assert rows[1].p50_us is None


def test_counts_add_up() -> None:
    row = summarise(
        [sample("replica", of=measured(ok=190, refused={"UNAVAILABLE": 7}, dropped=3))]
    )[0]
    assert row.ok + sum(row.refused.values()) + row.dropped == row.intended == 200


def test_targets_are_judged_where_they_can_be() -> None:
    rows = summarise(
        [
            floor(),
            sample("replica", of=measured(orders_s=0.14)),
            sample("metadata-jwt", of=measured(orders_s=0.18)),
            sample("replica", method=Method.PLACE, of=measured(orders_s=0.9)),
        ]
    )
    met = {target.row: target.met for target in judge_targets(rows)}
    assert met == {"replica": True, "metadata-jwt": False}


def test_every_strategy_has_a_target() -> None:
    assert set(MAX_RATIO) == set(Strategy)


def test_a_run_round_trips_through_its_file(tmp_path: Path) -> None:
    run = run_of(floor(), sample("replica"), complete=False)
    assert load_run(run.save(tmp_path / "a" / "b")) == run


def test_bytes_of_a_request_are_those_of_a_usual_round() -> None:
    def of(message: int) -> Measured:
        size = RequestBytes(metadata=100, message=message)
        return measured().model_copy(update={"request": size})

    short_proof, usual = 20, 30
    sizes = (short_proof, usual, usual + 1)
    rows = summarise(
        [sample("page-proof", round_=number, of=of(size)) for number, size in enumerate(sizes)]
    )
    assert rows[0].request.message == usual
