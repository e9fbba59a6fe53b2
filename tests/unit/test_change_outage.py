"""From what became of calls to what a fault did."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.change.crowd.values import OK, Kind, Outcome, load, save
from loadtest.change.outage.analysis import Incident, Observed, recovered_s
from loadtest.change.outage.attempts import SeenCall, seen_calls
from loadtest.change.outage.faults import faults
from loadtest.change.outage.knobs import OutageKnobs
from loadtest.change.outage.record import Seen
from loadtest.change.outage.show import amplification, outage_parts
from loadtest.change.timeline import Span, timeline
from loadtest.table import console
from tests.unit.change_samples import REFUSED, outage_result, outcome, phase

FAULT = Span(10, 17)
TEXTS = st.sampled_from([OK, REFUSED, "DEADLINE_EXCEEDED"])
OUTCOMES = st.lists(st.builds(outcome, st.floats(0, 30), TEXTS))


@given(OUTCOMES, st.floats(0, 20), st.floats(0.1, 10), st.floats(0.05, 2))
def test_every_call_of_a_span_is_in_one_step(
    outcomes: list[Outcome], begin: float, length: float, bucket_s: float
) -> None:
    span = Span(begin, begin + length)
    made = timeline(outcomes, span, bucket_s)
    within = [each for each in outcomes if each.at in span]
    assert sum(made.served) == sum(each.served for each in within)
    assert {text: sum(row) for text, row in made.refused.items()} == {
        text: sum(each.text == text for each in within)
        for text in {each.text for each in within} - {OK}
    }
    assert {len(row) for row in made.refused.values()} <= {len(made.served)}


def steady(*refused: tuple[float, float]) -> list[Outcome]:
    """A call each 0.1 s from 5 to 25, refused within the given times."""
    times = [5 + number / 10 for number in range(200)]
    return [
        outcome(at, REFUSED if any(begin <= at < end for begin, end in refused) else OK)
        for at in times
    ]


@pytest.mark.parametrize(
    ("refused", "until", "expected"),
    [
        ((), 25, 0.0),
        (((11, 17),), 25, 0.01),  # with the fault's end, to the first answer
        (((11, 18),), 25, 1.01),
        (((11, 18), (18.55, 19)), 25, 2.01),  # half a second of success does not last
        (((7, 8),), 25, 0.0),  # before the fault
        (((11, 24.5),), 25, None),  # no whole second is left
        (((11, 30),), 25, None),
        (((11, 18), (24.7, 25)), 25, 1.01),  # what comes later is something else
    ],
)
def test_time_to_recover(
    refused: tuple[tuple[float, float], ...], until: float, expected: float | None
) -> None:
    found = recovered_s(steady(*refused), FAULT, until, lasting_s=1.0)
    assert found == (None if expected is None else pytest.approx(expected))


@given(OUTCOMES, st.floats(0.1, 3))
def test_nothing_is_refused_for_a_while_after_recovery(
    outcomes: list[Outcome], lasting_s: float
) -> None:
    in_order = sorted(outcomes, key=lambda each: each.at)
    found = recovered_s(in_order, FAULT, 25, lasting_s)
    if found:
        # The answer of a call that was due a hundredth of a second before.
        since = FAULT.end + found - 0.01 - 1e-6
        assert not [e for e in outcomes if not e.served and since <= e.at < since + lasting_s]


def line(method: str, request_id: str, at: float) -> str:
    stamp = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"method": method, "request_id": request_id, "timestamp": stamp})


def test_calls_of_a_log_belong_to_the_strategy_that_made_them(tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    log.write_text(
        "\n".join(
            [
                line("shop.orders.v1.OrdersService.PlaceOrder", "page-proof.returning.1.2", 12.5),
                line("shop.products.v1.ProductsService.CheckAccess", "0f3a", 13),
                line("shop.products.v1.ProductsService.WatchAccess", "0f3b", 14),
                '{"event": "keys_loaded"}',
                "Traceback (most recent call last):",
                "[1]",
            ]
        )
    )
    assert seen_calls(log) == [
        SeenCall(12.5, "page-proof"),
        SeenCall(13, "direct-call"),
        SeenCall(14, "replica"),
    ]
    assert seen_calls(tmp_path / "none.log") == []


def test_a_result_counts_by_phase_kind_and_strategy() -> None:
    outcomes = [
        *(outcome(9.5), outcome(12, REFUSED), outcome(13, REFUSED, took_s=1.5), outcome(18)),
        outcome(12, "list UNAVAILABLE", kind=Kind.NEW),
        outcome(12.5, kind=Kind.NEW),
        outcome(18, "PERMISSION_DENIED NOT_GRANTED", kind=Kind.STRANGER),
        outcome(19, kind=Kind.STRANGER),
        outcome(99, REFUSED),
    ]
    seen = [SeenCall(12.1, "replica")] * 5 + [SeenCall(12.1, "direct-call"), SeenCall(5, "replica")]
    incident = Incident("products", "killed", Span(9, 10), FAULT, Span(17, 22))
    observed = Observed("replica", outcomes, seen, [SeenCall(12, "replica")])
    made = observed.result(incident, bucket_s=1, lasting_s=1)
    assert (made.began_s, made.ended_s) == (1, 8)
    assert made.before.served == made.after.served == 1
    assert made.during.refused == {REFUSED: 2}
    assert made.during.share == 0
    assert made.during.slowest_s == 1.5
    assert (made.during.new_served, made.during.new_refused) == (1, {"list UNAVAILABLE": 1})
    assert made.during.seen == Seen(wanted=4, ordered=3, orders=5, products=1)
    assert (made.strangers, made.strangers_served) == (2, 1)
    assert sum(made.timeline.served) == 2
    assert len(made.timeline.served) == 13


def test_amplification_is_what_orders_saw_for_what_was_ordered() -> None:
    seen = Seen(wanted=110, ordered=100, orders=110, products=0)
    later = Seen(wanted=100, ordered=100, orders=130, products=0)
    made = outage_result(during=phase(seen=seen), after=phase(seen=later))
    assert amplification(made) == pytest.approx(1.2)
    assert amplification(outage_result()) is None


def test_the_terminal_shows_shares_recovery_and_what_must_not_be() -> None:
    hit = phase(served=3, refused={REFUSED: 1})
    found = [
        outage_result(during=hit),
        outage_result(target="worker-1", during=phase(served=1), recovered_s=0.0),
        outage_result(target="worker-2", during=hit, recovered_s=None, strangers_served=1),
    ]
    out = console()
    with out.capture() as shown:
        for part in outage_parts(found):
            out.print(part)
    text = shown.get()
    assert "0.5 s" in text
    assert "75.0 %" in text
    assert "\N{EN DASH}" in text
    assert f"1 {REFUSED}" in text
    assert "served: 1" in text
    assert list(outage_parts([])) == []


def test_all_faults_fit_the_table_and_workers_are_paused_before_they_are_killed() -> None:
    happening = [(each.target, each.fault) for each in faults(OutageKnobs())]
    assert len(set(happening)) == len(happening) == 10
    assert happening.index(("worker-2", "paused")) < happening.index(("worker-1", "killed"))
    out = console()
    found = [outage_result(target=target, fault=fault) for target, fault in happening]
    with out.capture() as shown:
        for part in outage_parts(found):
            out.print(part)
    assert "worker" in shown.get()


@given(st.lists(st.builds(outcome, st.floats(0, 2e9), st.text())))
def test_outcomes_cross_processes(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome]
) -> None:
    path = tmp_path_factory.mktemp("outcomes") / "told.jsonl"
    save(outcomes, path)
    assert list(load(path)) == outcomes
