"""The benchmark times what it says, and its table keeps to its width."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.bench import carried, looked_up, peers, revoked, stored
from loadtest.bench.__main__ import OTHER_ALGORITHMS, points
from loadtest.bench.contest import Contest
from loadtest.bench.durable import durable_rates
from loadtest.bench.record import BenchRun, Timing, show
from loadtest.bench.timing import Race
from loadtest.finished import finished
from loadtest.limits.carriages import PRICE_MICROS, carriages
from loadtest.limits.entries import list_bytes
from loadtest.results import Machine
from loadtest.shop import ROOT
from loadtest.spread import Spread
from loadtest.table import WIDTH, console
from products_svc.catalogue.ids import IdKind
from waybill.algorithms import ALGORITHMS, DEFAULT_ALGORITHM
from waybill.signing import SigningKey
from waybill.strategy import Strategy


@pytest.mark.parametrize("kind", list(IdKind))
def test_carried_state_is_issued_and_checked(kind: IdKind) -> None:
    rows = list(carried.contests(carried.Trade(), 10, kind, seed=1))
    steps = {(row.strategy, row.step) for row in rows}
    assert len(steps) == len(rows) == 9
    for row in rows:
        row.floor()
        assert row.operation()
        assert row.size_bytes > 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_key_algorithm_is_timed_beside_its_own_primitive(algorithm: str) -> None:
    assert set(ALGORITHMS) == {DEFAULT_ALGORITHM, *OTHER_ALGORITHMS} == set(carried.SCHEMES)
    rows = list(carried.contests(carried.Trade(algorithm), 10, IdKind.SKU, seed=1))
    assert {row.algorithm for row in rows} == {algorithm}
    name = carried.SCHEMES[algorithm].name
    assert {row.floor_name for row in rows} == {f"{name} sign", f"{name} verify", "SHA-256"}
    for row in rows:
        row.floor()
        assert row.operation()


def test_a_page_weighs_what_limits_count_but_for_the_digits_of_prices() -> None:
    mine = carried.page(100, IdKind.SKU, 1)
    priced = tuple(replace(each, unit_price_micros=PRICE_MICROS) for each in mine.grants)
    issuer = dict(carried.Trade().issuers())[Strategy.METADATA_JWT]
    sizes = [
        finished(issuer.issue(page)).size_bytes for page in (mine, replace(mine, grants=priced))
    ]
    (token,) = carriages({"EdDSA": SigningKey.generate("EdDSA")}, ["jwt v2"])
    assert sizes[1] == list_bytes([token.entry(IdKind.SKU, 100)])
    for page, size in zip(("strategies/metadata-jwt", "limits"), sizes, strict=True):
        assert f"| {size:,} |" in (ROOT / f"docs/{page}.md").read_text()


@pytest.mark.parametrize("name", peers.PEERS)
def test_every_peer_proves_what_is_granted(name: str) -> None:
    question = peers.Question.about(carried.page(20, IdKind.SKU, seed=1))
    peer = peers.PEERS[name](question)
    presented = peer.present(peer.issue())
    assert peer.check(presented)
    assert peer.size_bytes(presented) > 0


def test_peers_are_timed_at_issuing_and_checking() -> None:
    rows = list(peers.contests(10, seed=1))
    assert {row.strategy for row in rows} == set(peers.PEERS)
    assert {row.step for row in rows} == {peers.ISSUE, peers.CHECK}


def test_replica_and_cache_answer_without_waiting(tmp_path: Path) -> None:
    with looked_up.contests(tmp_path / "replica", 10, IdKind.SKU, seed=1) as rows:
        assert {row.strategy for row in rows} == {Strategy.REPLICA, Strategy.DIRECT_CALL}
        for row in rows:
            row.floor()
            assert row.operation()


def test_the_check_for_revocation_is_timed_beside_a_look_up() -> None:
    for row in revoked.contests():
        assert row.floor()
        assert row.operation()


def test_references_are_issued_and_checked(tmp_path: Path) -> None:
    with stored.contests(tmp_path / "valkey", 10, IdKind.SKU, seed=1) as rows:
        assert [row.step for row in rows] == ["check cold", "check warm", "issue"]
        for row in rows:
            assert row.floor()
            assert row.operation()
            assert row.size_bytes == 71


def test_points_cover_all_sizes_and_all_id_kinds() -> None:
    assert {ids for ids, _ in points()} == {10, 100, 1_000, 10_000}
    assert {kind for _, kind in points()} == set(IdKind)
    assert len(points()) == len(set(points()))


def test_an_operation_that_waits_is_an_error() -> None:
    class Never:
        def __await__(self) -> object:
            yield

    async def waits() -> None:
        await Never()  # type: ignore[misc]

    with pytest.raises(RuntimeError, match="waited"):
        finished(waits())


def test_durable_orders_are_counted_with_and_without_grouping(tmp_path: Path) -> None:
    rates = durable_rates(tmp_path, rounds=1, round_s=0.1)
    assert [rate.name for rate in rates] == [
        "write and fsync, one at a time",
        "orders, a commit each",
        "orders, group commit",
    ]
    assert all(rate.per_s > 0 for rate in rates)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_shown_within_100_columns_and_round_trips(tmp_path: Path) -> None:
    contest = Contest(
        step="check cold",
        strategy="message-field",
        ids=10_000,
        id_kind="gtin13",
        size_bytes=1_234_567,
        floor_name="Ed25519 verify",
        operation=lambda: None,
        floor=lambda: None,
    )
    large = Spread(123_456.0, 1.0, 999_999.0)
    run = BenchRun(
        run_id="20270115T080000Z-1f3a",
        begun="2027-01-15T08:00:00+00:00",
        seed=1,
        commit="0123456789ab",
        versions={},
        machine=Machine(cpu="Some CPU", cpus=2, platform="Linux", python="3.11"),
        complete=False,
        timings=(Timing.of(contest, Race(large, large, Spread(12345.0, 1.0, 2.0))),),
        durable=(),
    )
    out = io.StringIO()
    show(run, console(out))
    assert max(map(len, out.getvalue().splitlines())) <= WIDTH
    assert "…" not in out.getvalue()
    assert "Stopped early" in out.getvalue()
    assert BenchRun.model_validate_json(run.save(tmp_path).read_text()) == run
