"""From what was seen to the staleness results, and to the terminal."""

from io import StringIO

import pytest
from pydantic import ValidationError

from loadtest.change.history import History, Order, Purpose
from loadtest.change.lanes import Clients, Lane, Lifetimes, Revocation, stated
from loadtest.change.oracle import NONE, Bounds, Commit, Decision, Interval, Key, Right, Verdict
from loadtest.change.staleness.experiment import Staleness
from loadtest.change.staleness.knobs import StalenessKnobs
from loadtest.change.staleness.outcome import Phase, results
from loadtest.change.staleness.record import StalenessResult
from loadtest.change.staleness.show import staleness_parts
from loadtest.profile import Profile
from loadtest.table import console
from waybill.strategy import Strategy

LIVES = Lifetimes(
    state_ttl_s=60,
    leeway_s=5,
    cache_ttl_s=4.0,
    cache_negative_ttl_s=2.0,
    reference_cache_ttl_s=3.0,
    lag_bound_s=7.0,
    revocation_lag_bound_s=1.0,
)
ANY = Right(granted=True)
TEA, SALT = "tea", "salt"
DIRECT, REPLICA = Lane.all_of([Strategy.DIRECT_CALL, Strategy.REPLICA], LIVES, Revocation.EXPIRY)


def bounds(strategy: Strategy, revocation: Revocation = Revocation.EXPIRY) -> Bounds:
    return stated(strategy, LIVES, revocation).bounds


def test_each_strategy_states_its_bounds() -> None:
    assert bounds(Strategy.METADATA_JWT) == Bounds(65, 65, 65, 65)
    assert bounds(Strategy.PAGE_PROOF) == bounds(Strategy.MESSAGE_FIELD) == Bounds(65, 65, 65, 65)
    assert bounds(Strategy.DIRECT_CALL) == Bounds(4, 4, 2, 4)
    assert bounds(Strategy.REPLICA) == Bounds(7, 7, 7, 7)
    assert bounds(Strategy.REFERENCE) == Bounds(3, 65, 65, 65)


def test_watermarks_bound_what_is_lost_where_state_travels() -> None:
    assert bounds(Strategy.METADATA_JWT, Revocation.WATERMARKS) == Bounds(1, 1, 65, 65)
    assert bounds(Strategy.REFERENCE, Revocation.WATERMARKS) == Bounds(1, 1, 65, 65)
    for strategy in (Strategy.REPLICA, Strategy.DIRECT_CALL):
        assert bounds(strategy, Revocation.WATERMARKS) == bounds(strategy)


def test_who_carries_state_does_so_in_two_ways() -> None:
    lanes = Lane.all_of([Strategy.METADATA_JWT, Strategy.REPLICA], LIVES, Revocation.EXPIRY)
    assert [lane.clients for lane in lanes] == [
        Clients.HOLD,
        Clients.REFRESH,
        Clients.CARRY_NOTHING,
    ]
    assert len({lane.name for lane in lanes}) == 3


def order(
    at: float,
    verdict: Verdict,
    lane: Lane = DIRECT,
    subject: str = "ann",
    product_id: str = TEA,
    purpose: Purpose = Purpose.FLOW,
) -> Order:
    answer = {
        Verdict.ACCEPTED: "",
        Verdict.REFUSED: "PERMISSION_DENIED NOT_GRANTED",
        Verdict.UNDECIDED: "UNAVAILABLE",
    }[verdict]
    decision = Decision(Key(subject, product_id), 2, Interval(at, at + 0.01), verdict)
    return Order(lane, decision, purpose, answer)


def found(*orders: Order, lanes: tuple[Lane, ...] = (DIRECT,)) -> list[StalenessResult]:
    """What comes of orders of tea, which ann may order from second 10 to second 20."""
    history = History(orders=list(orders), late_s=[0.001, 0.002])
    history.commits = [
        Commit(Key("ann", TEA), ANY, Interval(9.9, 10)),
        Commit(Key("ann", TEA), NONE, Interval(19.9, 20)),
    ]
    phase = Phase(lanes, history, TEA, frozenset({"eve"}), 0.0, 40.0, 78, {"ORDERS_X": "1"})
    return results(phase)


def test_a_result_counts_what_was_decided_and_how() -> None:
    (result,) = found(
        order(5, Verdict.REFUSED),
        order(11, Verdict.REFUSED),
        order(12, Verdict.ACCEPTED),
        order(21, Verdict.ACCEPTED, purpose=Purpose.CHASE),
        order(25, Verdict.ACCEPTED),
        order(26, Verdict.UNDECIDED),
        order(27, Verdict.REFUSED),
        order(28, Verdict.REFUSED, subject="eve"),
    )
    assert result.findings == {"right": 4, "stale refusal": 1, "stale accept": 2, "undecided": 1}
    assert result.undecided == {"UNAVAILABLE": 1}
    assert (result.flow_decisions, result.flow_wrong) == (7, 2)
    assert result.wrong_per_thousand == pytest.approx(2000 / 7)
    assert (result.stranger_orders, result.stranger_served) == (1, 0)
    assert result.wrong_age.series_ms == (1000.0, 1000.0, 5000.0)
    assert result.broken == 1
    assert [each.age_s for each in result.violations] == [5.0]
    assert result.grant_to_accept.series_ms == (2010.0,)
    assert result.revoke_to_refusal.series_ms == (6010.0,)
    assert result.changes_per_s == 2.0
    assert result.late_p99_ms == 2.0


def test_a_stranger_who_is_served_is_beyond_any_bound() -> None:
    (result,) = found(order(12, Verdict.ACCEPTED, subject="eve"))
    assert (result.stranger_served, result.broken) == (1, 1)
    assert result.violations[0].finding == "never granted"


def test_lanes_are_apart_and_one_without_orders_is_empty() -> None:
    direct, replica = found(order(12, Verdict.ACCEPTED), lanes=(DIRECT, REPLICA))
    assert (direct.decisions, replica.decisions) == (1, 0)
    assert replica.wrong_per_thousand == 0.0
    assert replica.revoke_to_refusal.max_ms is None


def test_narrowed_rights_are_no_revocations() -> None:
    history = History(orders=[order(12, Verdict.ACCEPTED), order(22, Verdict.REFUSED)])
    history.commits = [
        Commit(Key("ann", TEA), ANY, Interval(9.9, 10)),
        Commit(Key("ann", TEA), Right(granted=True, maximum=1), Interval(19.9, 20)),
    ]
    phase = Phase((DIRECT,), history, TEA, frozenset(), 0.0, 40.0, 0, {})
    (result,) = results(phase)
    assert result.revoke_to_refusal.series_ms == ()
    assert result.findings == {"right": 2}


def shown(results: list[StalenessResult]) -> str:
    stream = StringIO()
    for part in staleness_parts(results):
        console(stream).print(part)
    return stream.getvalue()


def test_the_terminal_has_a_row_for_each_lane_in_its_width() -> None:
    text = shown(found(order(12, Verdict.ACCEPTED), order(21, Verdict.ACCEPTED)))
    assert "direct-call" in text
    assert "0 of 2 decisions beyond a stated bound" in text
    assert max(map(len, text.splitlines())) <= 100
    assert shown([]) == ""


def test_a_violation_is_told() -> None:
    assert "1 of 1 decisions beyond" in shown(found(order(30, Verdict.ACCEPTED)))


def test_knobs_are_checked() -> None:
    assert StalenessKnobs().lifetimes.expiry_s == 3
    with pytest.raises(ValidationError, match="dwell_s"):
        StalenessKnobs(dwell_s=(5, 3))


@pytest.mark.parametrize(
    ("knobs", "strategies", "steps"),
    [
        (None, tuple(Strategy), 0),
        (StalenessKnobs(), tuple(Strategy), 2),
        (StalenessKnobs(watermarks_s=0), tuple(Strategy), 1),
        (StalenessKnobs(), (Strategy.REPLICA,), 1),
    ],
)
def test_only_what_makes_a_difference_is_planned(
    knobs: StalenessKnobs | None, strategies: tuple[Strategy, ...], steps: int
) -> None:
    profile = Profile.model_construct(name="mine", rounds=1, staleness=knobs, strategies=strategies)
    assert len(Staleness().planned(profile)) == steps
