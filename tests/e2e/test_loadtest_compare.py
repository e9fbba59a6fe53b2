"""A whole comparison, tiny: every arrival is accounted for, and the record says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtest import compare
from loadtest.affinity import available
from loadtest.processes import INTERRUPTED
from loadtest.report.grpc_limits import HARD_LIMIT, OWN_ENTRIES_BYTES, SOFT_LIMIT
from loadtest.results import FLOOR, Experiment, Sample, load_run
from loadtest.setting import LAB_ORDERS_ENV
from loadtest.shop import ROOT
from loadtest.wire import supported

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("more", [[], pytest.param(["--postgres"], marks=pytest.mark.engines)])
def test_a_tiny_comparison_adds_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    before = set(psutil.Process().children())  # servers that other tests of this process share
    code = compare.main(
        [
            *("--strategies", "message-field"),
            *("--page-size", "5"),
            *("--rounds", "1"),
            *("--rate", "40"),
            *("--duration", "0.5"),
            *("--experiments", "cost"),
            *("--results", str(tmp_path), *more),
        ]
    )
    shown = capsys.readouterr()
    assert code == 0, shown.err
    (path,) = tmp_path.glob("20*/results.json")
    assert (tmp_path / "latest").resolve() == path.parent
    assert (tmp_path / "latest" / "report.html").stat().st_size > 10_000
    run = load_run(path)
    assert run.complete
    assert {sample.cell.row for sample in run.samples} == {FLOOR, "message-field"}
    for sample in run.samples:
        seen = sample.measured.observed
        assert seen.ok + sum(seen.refused.values()) + seen.dropped == seen.intended == 20
        assert seen.ok == 20, seen.refused
        assert sample.measured.cpu_s["orders"] > 0
        assert (sample.measured.cpu_s.get("database", 0) > 0) == bool(more)
        assert sample.measured.memory_bytes["orders"] > 10 << 20
        if supported():
            assert sample.measured.wire is not None
            assert sample.measured.wire.up > 20 * 20
            assert sample.measured.wire.down > 20 * 20
        assert sample.measured.request.total > 0 or sample.cell.row == FLOOR
    assert "message-field" in shown.out
    assert run.head.run_id in shown.out
    assert ("ORDERS_DATABASE_URL" in run.head.settings) == bool(more)
    assert "left" in shown.err or "round 1" in shown.err
    assert set(psutil.Process().children()) <= before


def test_every_experiment_leaves_its_samples(tmp_path: Path) -> None:
    code = compare.main(
        [
            *("--only", "cost"),
            *("--strategies", "metadata-jwt", "direct-call"),
            *("--rounds", "1", "--duration", "0.3", "--rate", "40"),
            *("--page-size", "5"),
            *("--results", str(tmp_path)),
        ]
    )
    assert code == 0
    run = load_run(tmp_path / "latest" / "results.json")
    by_experiment: dict[Experiment, list[Sample]] = {}
    for sample in run.samples:
        by_experiment.setdefault(sample.experiment, []).append(sample)
    assert set(by_experiment) == set(Experiment)
    for sample in by_experiment[Experiment.COLD]:
        assert sample.measured.observed.ok == sample.measured.observed.intended
    _cold_direct_calls_ask_each_time(by_experiment[Experiment.COLD])
    listed = {s.cell.row: s.measured.wire for s in by_experiment[Experiment.ISSUE]}
    jwt, direct = listed["metadata-jwt"], listed["direct-call"]
    assert not supported() or (jwt and direct and jwt.down > direct.down > 0)
    cliff = sorted(by_experiment[Experiment.CLIFF], key=lambda s: s.cell.ids)
    sizes = [s.measured.request.metadata + OWN_ENTRIES_BYTES for s in cliff]
    assert sizes[0] <= SOFT_LIMIT
    assert sizes[-1] >= HARD_LIMIT
    assert cliff[0].measured.observed.ok
    assert not cliff[-1].measured.observed.ok


def _cold_direct_calls_ask_each_time(samples: list[Sample]) -> None:
    """Each answer is new, so that products works on each; the floor never asks it."""
    used = {s.cell.row: s.measured.cpu_s["products"] for s in samples}
    assert used["direct-call"] > 1.5 * used[FLOOR]


def test_a_profile_of_ones_own_with_other_axes(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        """
        rounds = 1
        strategies = ["message-field"]
        [[sweep]]
        experiment = "cost"
        page_sizes = [5]
        id_kinds = ["uuid4", "int"]
        grants = [0, 12]
        users = [2]
        workers = [2]
        rates_per_s = [40]
        duration_s = 0.3
        [[sweep]]
        experiment = "journey"
        page_sizes = [5]
        orders_per_list = [1, 3]
        rates_per_s = [40]
        duration_s = 0.5
        [[sweep]]
        experiment = "journey"
        page_sizes = [5]
        orders_per_list = [2]
        algorithms = ["ES256"]
        rates_per_s = [40]
        duration_s = 0.3
        """
    )
    assert compare.main(["--profile", str(mine), "--results", str(tmp_path)]) == 0
    run = load_run(tmp_path / "latest" / "results.json")
    cells = {sample.cell for sample in run.samples if sample.cell.row != FLOOR}
    assert {(c.id_kind, c.grants, c.workers) for c in cells if not c.orders_per_list} == {
        (kind, grants, 2) for kind in ("uuid4", "int") for grants in (0, 12)
    }
    assert {(c.orders_per_list, c.algorithm) for c in cells} == {
        *((orders, "EdDSA") for orders in (0, 1, 3)),
        (2, "ES256"),
    }
    assert ("orders" in run.head.affinity) is (len(available()) > 1)
    for sample in run.samples:
        assert sample.measured.observed.ok == sample.measured.observed.intended > 0
    assert {s.cell.workers for s in run.samples if s.cell.row == FLOOR} == {1, 2}


def test_a_service_that_cannot_start_is_an_error_and_no_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LAB_ORDERS_ENV, "ORDERS_CACHE_TTL_S", "soon")
    assert compare.main(["--results", str(tmp_path)]) == 1
    assert "nothing was recorded" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "loadtest.compare", "--results", str(tmp_path)),
        *("--strategies", "replica", "--page-size", "5", "--rounds", "99"),
        *("--experiments", "cost"),
        *("--rate", "20", "--duration", "0.1"),
    ]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "left" in line:
                break
        os.killpg(process.pid, signal.SIGINT)  # to all of the group, as a terminal does
        shown, _ = process.communicate(timeout=40)
    assert process.returncode == INTERRUPTED
    assert "Stopped early" in shown
    (path,) = tmp_path.glob("20*/results.json")
    run = load_run(path)
    assert not run.complete
    assert len(run.samples) >= 10
