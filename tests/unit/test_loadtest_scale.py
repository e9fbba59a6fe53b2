"""The model of scale, and the source that replicas are measured with."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.results import Machine
from loadtest.scale import page
from loadtest.scale.measure import plans
from loadtest.scale.model import Costs, Line, Workload, checks, need, replica_costs
from loadtest.scale.record import Lag, Replica, Scale, load_scale
from loadtest.scale.source import PART, Plan, Source, product_id, subject
from shop.products.v1.products_pb2 import WatchAccessRequest, WatchAccessResponse

sizes = st.integers(0, 10_000)


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
        lags=(Lag(rate_per_s=200, changes=10, p50_ms=1, p99_ms=2, max_ms=3, cpu_share=0.1),),
    )


REPLICAS = [replica(10), replica(1000), replica(100_000)]


def line_costs(strategy: str) -> Costs:
    level = Line(100.0, 1.0)
    return Costs(strategy, level, Line(100.0, 0.0), 10.0, 20.0, level, level, level, level)


@given(sizes, sizes, st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_a_line_goes_through_its_ends(first: int, last: int, low: float, high: float) -> None:
    points = {float(first): low, float(last): high}
    line = Line.through(points)
    for x, y in points.items():
        assert line.at(x) == pytest.approx(y, abs=1e-6)


def test_the_largest_replica_is_predicted_and_not_fitted() -> None:
    odd = replica(100_000, each=150.0)
    [size, bootstrap] = checks([], [*REPLICAS[:2], odd])
    assert size.measured == odd.file_bytes
    assert size.error == pytest.approx(-1 / 3, rel=0.01)
    assert bootstrap.error == pytest.approx(0, abs=1e-9)


def test_ten_times_the_users_need_ten_times_as_much() -> None:
    lines = replica_costs(REPLICAS, change_bytes=70)
    for strategy in ("replica", "reference", "metadata-jwt"):
        few, many = (need(Workload(users), line_costs(strategy), lines) for users in (10**6, 10**7))
        assert many.orders_cores == pytest.approx(10 * few.orders_cores)
        assert many.products_cores == pytest.approx(10 * few.products_cores)
        assert many.edge_bytes_per_s == pytest.approx(10 * few.edge_bytes_per_s)
        assert many.feed_bytes_per_s == pytest.approx(10 * few.feed_bytes_per_s)


def test_only_who_keeps_grants_holds_them() -> None:
    lines, workload = replica_costs(REPLICAS, change_bytes=70), Workload(1000)
    assert need(workload, line_costs("replica"), lines).state_bytes == pytest.approx(
        workload.grants * 100, rel=0.01
    )
    assert need(workload, line_costs("message-field"), lines).state_bytes == 0
    assert 0 < need(workload, line_costs("reference"), lines).state_bytes < 1e6


def test_a_replica_is_cut_where_its_follower_would_not_keep_up() -> None:
    lines = replica_costs(REPLICAS, change_bytes=70)
    busy = Workload(100_000_000)
    shards = need(busy, line_costs("replica"), lines).shards
    assert busy.changes_per_s / shards <= lines.changes_per_s / 2
    assert busy.changes_per_s / (shards - 1) > lines.changes_per_s / 2


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
