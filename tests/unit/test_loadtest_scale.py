"""The model of scale, and the source that replicas are measured with."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.judging import judged
from loadtest.results import (
    FLOOR,
    Cell,
    Experiment,
    Load,
    Machine,
    Measured,
    Method,
    Run,
    Sample,
    Warmth,
    WireBytes,
)
from loadtest.scale import needs, page
from loadtest.scale.checks import Check, checks
from loadtest.scale.figures import USERS, Kind, figures
from loadtest.scale.fit import Bare, Line, Point, fitted, held_out
from loadtest.scale.measure import plans
from loadtest.scale.model import Between, Models, model
from loadtest.scale.needs import Workload
from loadtest.scale.record import Lag, Replica, Scale, load_scale
from loadtest.scale.replicas import ReplicaPoints
from loadtest.scale.rounding import between, count, size
from loadtest.scale.source import PART, Plan, Source, product_id, subject
from shop.products.v1.products_pb2 import WatchAccessRequest, WatchAccessResponse
from tests.unit.loadtest_samples import measured, run_of

figure = st.floats(-1e3, 1e3)
places = st.lists(st.integers(1, 10_000), min_size=1, max_size=8, unique=True)

REST, ORDERS_REST_S = 0.006, 0.014
CALL_US, WAKE_US, AWAKE_S = 150.0, 500.0, 0.005
CHECK_US, EACH_US, FIRST_US, PLACING_US = 80.0, 0.04, 300.0, 400.0
LIST_US, LISTED_US = 1000.0, 6.0
"""A made-up shop, whose costs the model must find again."""


def bare_us(rate: float) -> float:
    return CALL_US + WAKE_US / (1 + rate * AWAKE_S) + REST / rate * 1e6


def taken(
    experiment: Experiment, cell: Cell, rate: float, round_: int, orders_us: float, rest_us: float
) -> Sample:
    """One sample; CPU in microseconds a call, products' above its rest."""
    calls, seconds = 10, 10 / rate
    load = Load(rate_per_s=rate, duration_s=seconds, warm_up_s=0.0, users=USERS, max_in_flight=9)
    seen: Measured = measured(
        ok=calls,
        orders_s=calls * orders_us / 1e6,
        products_s=calls * rest_us / 1e6 + ORDERS_REST_S * seconds,
        sending_s=seconds,
    )
    update = {
        "elapsed_s": seconds,
        "wire": WireBytes(up=calls * (500 + 20 * cell.ids), down=calls * 100),
        "memory_bytes": {"orders": 100, "products": 50},
    }
    return judged(cell, round_, load, seen.model_copy(update=update), experiment)


def at(row: str, ids: int, method: Method, **axes: object) -> Cell:
    return Cell.model_validate({"row": row, "ids": ids, "method": method, **axes})


def a_round(row: str, number: int, noise: float = 1.0) -> Iterator[Sample]:
    """What a comparison measures of one strategy, the floor with it."""
    cells: list[tuple[Experiment, Cell, float, float, float]] = []

    def add(experiment: Experiment, cell: Cell, rate: float, above: float, rest: float = 0) -> None:
        cells.append((experiment, cell, rate, above * noise, rest * noise))

    for ids in (1, 10, 100, 300, 1000):
        add(Experiment.COST, at(row, ids, Method.VALIDATE), 400, CHECK_US + EACH_US * ids)
    for rate in (250.0, 500.0, 1000.0, 1500.0):
        busy = at(row, 100, Method.VALIDATE)
        add(Experiment.SATURATION, busy, rate, CHECK_US + EACH_US * 100)
    warm_us = CHECK_US + EACH_US * 100
    add(Experiment.COST, at(row, 100, Method.PLACE), 400, warm_us + PLACING_US)
    cold = at(row, 100, Method.VALIDATE, warmth=Warmth.COLD, grants=1000)
    add(Experiment.COLD, cold, 100, warm_us + FIRST_US)
    for ids in (10, 100, 1000):
        listed = at(row, ids, Method.LIST)
        add(Experiment.ISSUE, listed, 40, REST / 40 * 1e6 - bare_us(40), LIST_US + LISTED_US * ids)
    journey = at(row, 100, Method.VALIDATE, orders_per_list=3, grants=1000)
    list_us = LIST_US + LISTED_US * 100
    add(Experiment.JOURNEY, journey, 150, warm_us + FIRST_US / 3, list_us / 3)
    for experiment, cell, rate, above, rest in cells:
        yield taken(experiment, cell, rate, number, bare_us(rate) + above, rest)
        floor = at(FLOOR, 0, Method.HEALTH)
        yield taken(experiment, floor, rate, number, bare_us(rate), 0)


def samples(row: str = "message-field", *noises: float) -> list[Sample]:
    return [
        sample
        for number, noise in enumerate(noises or (1.0, 1.0))
        for sample in a_round(row, number, noise)
    ]


def replica(grants: int, *, each: float = 100.0, seconds: float = 1e-5) -> Replica:
    return Replica(
        grants=grants,
        bootstrap_s=1 + grants * seconds,
        bootstrap_cpu_s=1.0,
        file_bytes=int(grants * each),
        resident_bytes=1,
        burst_changes=1000,
        burst_s=0.1,
        burst_cpu_s=0.01,
        lags=tuple(
            Lag(rate_per_s=rate, changes=9, p50_ms=1, p99_ms=2 + rate, max_ms=9, cpu_share=0.1)
            for rate in (20, 200, 2000)
        ),
    )


REPLICAS = [replica(10), replica(1000), replica(100_000)]
COPIES = ReplicaPoints.of(REPLICAS, change_bytes=70)


def models_of(taken: list[Sample], replicas: ReplicaPoints = COPIES) -> Models:
    return Models.of(figures(taken), replicas, draws=60)


@given(st.tuples(figure, figure), places)
def test_a_line_is_found_again_if_physics_allows_it(
    line: tuple[float, float], xs: list[int]
) -> None:
    fixed, slope = line
    found = Line.near(Point(x, (fixed + slope * x,)) for x in xs)
    assert found.fixed >= 0
    assert found.slope >= 0
    if min(line) >= 0:
        for x in xs:
            assert found.at(x) == pytest.approx(fixed + slope * x, rel=1e-6, abs=1e-6)


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1e3)), min_size=2, max_size=8))
def test_no_line_that_is_allowed_comes_nearer(places: list[tuple[int, float]]) -> None:
    points = [Point(x, (y,)) for x, y in places]
    found = Line.near(points)
    for fixed, slope in product((-1.0, 0.0, 1.0), (-0.01, 0.0, 0.01)):
        other = Line(max(0, found.fixed + fixed), max(0, found.slope + slope))
        assert found.miss(points) <= other.miss(points) * (1 + 1e-9) + 1e-6


@given(places)
def test_the_ends_are_fitted_and_no_point_both_fits_and_checks(xs: list[int]) -> None:
    points = [Point(x, (1.0,)) for x in xs]
    used, held = {p.x for p in fitted(points)}, {p.x for p in held_out(points)}
    assert used | held == set(xs)
    assert not used & held
    assert {min(xs), max(xs)} <= used
    assert len(held) == max(0, (len(xs) - 1) // 2)


def test_a_bare_call_is_dearer_for_a_process_that_rested() -> None:
    points = [Point(rate, (bare_us(rate),)) for rate in (40, 150, 400, 1500)]
    found = Bare.near(points, REST)
    assert (found.rest, found.awake_s) == (REST, AWAKE_S)
    assert (found.call_us, found.wake_us) == pytest.approx((CALL_US, WAKE_US), rel=1e-3)
    assert found.at(600) == pytest.approx(bare_us(600), rel=1e-3)


def test_the_costs_of_a_shop_are_found_again() -> None:
    found = model(figures(samples()), COPIES)
    costs = found.costs["message-field"]
    assert (costs.check.fixed, costs.check.slope) == pytest.approx((CHECK_US, EACH_US), rel=0.05)
    assert costs.first_us == pytest.approx(FIRST_US, rel=0.01)
    assert costs.placing_us == pytest.approx(PLACING_US, rel=0.01)
    assert costs.listing.at(500) == pytest.approx(LIST_US + LISTED_US * 500, rel=0.01)
    assert found.bare.rest == pytest.approx(REST, rel=0.01)
    assert found.products_rest == pytest.approx(ORDERS_REST_S, rel=0.01)


def test_every_held_out_point_of_such_a_shop_lies_where_it_was_predicted() -> None:
    found = list(checks(models_of(samples("message-field", 0.9, 1.0, 1.1, 1.05))))
    assert [check.what for check in found if not check.holds] == []
    assert any("journey" in check.what or "a listing for 3" in check.what for check in found)


def test_a_point_that_is_off_is_told() -> None:
    broken = {"cpu_s": {"orders": 1.0, "products": 0.0}}
    odd = [
        each.model_copy(update={"measured": each.measured.model_copy(update=broken)})
        if each.cell.ids == 300
        else each
        for each in samples()
    ]
    [off] = [check for check in checks(models_of(odd)) if not check.holds]
    assert "300 ids" in off.what
    assert off.error < -0.5


def test_a_held_out_point_does_not_move_the_model() -> None:
    whole = figures(samples())
    kinds = dict(whole.strategies["message-field"])
    for kind in (Kind.CHECK, Kind.BUSY_CHECK, Kind.LISTING, Kind.ORDER_BYTES, Kind.JOURNEY):
        held = kinds[kind] if kind is Kind.JOURNEY else held_out(kinds[kind])
        assert held
        kinds[kind] = tuple(_ten_times(p) if p in held else p for p in kinds[kind])
    off = replace(whole, strategies={"message-field": kinds})
    assert model(off, COPIES) == model(whole, COPIES)


def _ten_times(point: Point) -> Point:
    return replace(point, rounds=tuple(10 * value for value in point.rounds))


def test_rounds_that_differ_make_an_interval_and_equal_ones_none() -> None:
    def first_us(taken: list[Sample]) -> Between:
        return models_of(taken).between(lambda m: m.costs["message-field"].first_us)

    sure, unsure = first_us(samples()), first_us(samples("message-field", 0.8, 1.0, 1.2))
    assert sure.low == pytest.approx(sure.high)
    assert unsure.low < 0.9 * FIRST_US < 1.1 * FIRST_US < unsure.high
    assert unsure == first_us(samples("message-field", 0.8, 1.0, 1.2))


def test_a_drawn_point_has_only_rounds_that_were() -> None:
    point = Point(1, (1.0, 2.0, 3.0))
    drawn = [point.drawn(Random(seed)) for seed in range(50)]
    assert all(set(each.rounds) <= set(point.rounds) and len(each.rounds) == 3 for each in drawn)
    assert len({each.rounds for each in drawn}) > 10


def test_a_record_without_floors_or_listings_is_refused() -> None:
    only = [sample for sample in samples() if sample.experiment is Experiment.COST]
    with pytest.raises(ValueError, match="no floors, or no listings"):
        models_of(only)


def test_the_largest_replica_is_predicted_and_not_fitted() -> None:
    odd = replica(100_000, each=150.0)
    found = checks(models_of(samples(), ReplicaPoints.of([*REPLICAS[:2], odd], 70)))
    bytes_, bootstrap = (check for check in found if "grants" in check.what)
    assert bytes_.measured == odd.file_bytes
    assert bytes_.error == pytest.approx(-1 / 3, rel=0.01)
    assert not bytes_.holds
    assert bootstrap.error == pytest.approx(0, abs=1e-9)


def test_a_hundred_times_the_users_need_a_hundred_times_as_much() -> None:
    found = model(figures(samples("replica")), COPIES)
    few, many = (Workload(users) for users in (10**7, 10**9))
    for need in (needs.users_bytes_per_s, needs.feed_bytes_per_s, needs.state_bytes):
        assert need(many, found, "replica") == pytest.approx(100 * need(few, found, "replica"))
    cores = [needs.orders_cores(each, found, "replica") for each in (few, many)]
    assert cores[1] == pytest.approx(100 * cores[0], rel=0.2)


def test_no_process_is_busier_than_it_may_be() -> None:
    found = model(figures(samples()), COPIES)
    workload = Workload(100_000_000)
    processes = needs.orders_processes(workload, found, "message-field")
    assert 1 < needs.orders_cores(workload, found, "message-field") <= processes


def test_only_who_keeps_grants_holds_them() -> None:
    workload = Workload(1000)
    found = model(
        figures([s for row in ("replica", "message-field", "reference") for s in samples(row)]),
        COPIES,
    )
    held = {row: needs.state_bytes(workload, found, row) for row in found.costs}
    assert held["replica"] == pytest.approx(workload.grants * 100, rel=0.01)
    assert held["message-field"] == 0
    assert 0 < held["reference"] < 1e6


def test_a_replica_is_cut_where_its_follower_would_not_keep_up() -> None:
    found = model(figures(samples("replica")), COPIES)
    busy = Workload(100_000_000)
    parts = needs.parts(busy, found, "replica")
    assert busy.changes_per_s / parts <= found.replica.changes_per_s / 2
    assert busy.changes_per_s / (parts - 1) > found.replica.changes_per_s / 2
    assert needs.parts(busy, model(figures(samples()), COPIES), "message-field") == 1


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (101.0, 166.0, "101 to 166"),
        (6974.2, 9486.7, "7,000 to 9,500"),
        (0.0982, 0.1242, "0.098 to 0.124"),
        (-0.0001, 0.04, "0.000 to 0.040"),
        (594.25, 594.26, "594"),
    ],
)
def test_figures_have_no_more_digits_than_their_spread_supports(
    low: float, high: float, text: str
) -> None:
    assert between(Between((low + high) / 2, low, high)) == text


def test_counts_and_sizes_are_short() -> None:
    assert [count(value) for value in (0, 3, 28.817, 1234567.8)] == [
        "0",
        "3.00",
        "28.8",
        "1,234,568",
    ]
    assert [size(value) for value in (12, 1.09e12, 1.09e14, 64_800)] == [
        *("12 B", "1.09 TB", "109 TB", "64.8 kB"),
    ]


def test_the_page_says_predictions_and_how_many_hold(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.BEGIN}\nformer\n{page.END}\nafter")
    page.write(file, a_run(), scale_of())
    text = file.read_text()
    assert text.startswith("before")
    assert text.endswith("after")
    assert "former" not in text
    assert "measured values lie in the interval" in text
    assert "1,000,000 users" in text
    assert "-0" not in text


def a_run() -> Run:
    return run_of(*(s for row in ("replica", "message-field") for s in samples(row, 0.9, 1, 1.1)))


def a_check(measured: float) -> Check:
    return Check("it", "", measured, Between(10.0, 9.0, 11.0))


def test_a_check_holds_within_its_interval_and_tells_its_error() -> None:
    assert [a_check(value).holds for value in (8.9, 9.0, 11.0, 11.1)] == [False, True, True, False]
    assert a_check(8.0).error == pytest.approx(0.25)


async def test_the_source_sends_what_a_follower_expects() -> None:
    plan = Plan(subjects=3, grants_each=PART + 1, burst=5, rates_per_s=(), seconds_each=0)
    stream = Source(plan).watch(WatchAccessRequest().SerializeToString(), None)
    events = [WatchAccessResponse.FromString(await anext(stream)) for _ in range(11)]
    await stream.aclose()

    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == [
        "snapshot_start",
        *["snapshot_grants"] * 6,
        "snapshot_end",
        "heartbeat",
        "changes",
        "heartbeat",
    ]
    parts = [event.snapshot_grants for event in events[1:7]]
    held = {(part.subject, grant.product_id) for part in parts for grant in part.grants}
    assert len(held) == plan.grants == events[7].snapshot_end.grant_count
    assert (subject(2), product_id(PART)) in held
    changes = events[9].changes
    assert changes.previous_revision == events[7].snapshot_end.revision
    assert [change.revision for change in changes.changes] == [
        changes.previous_revision + number for number in range(1, 6)
    ]


def test_plans_keep_to_ten_thousand_grants_a_subject() -> None:
    made = plans([1_000_000, 100], [200], 1.0)
    assert [plan.grants for plan in made] == [100, 1_000_000]
    assert made[1].subjects == 100


def test_the_record_comes_back_as_it_went(tmp_path: Path) -> None:
    scale = scale_of()
    scale.save(tmp_path / "deeper" / "scale.json")
    assert load_scale(tmp_path / "deeper" / "scale.json") == scale


def test_a_page_without_a_place_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("nothing")
    with pytest.raises(ValueError, match="no place"):
        page.write(file, None, scale_of())  # type: ignore[arg-type]  # not looked at
    assert file.read_text() == "nothing"


def scale_of() -> Scale:
    machine = Machine(cpu="a", cpus=2, platform="b", python="3.11")
    return Scale(begun="2026-11-23", commit="c", machine=machine, replicas=tuple(REPLICAS))
