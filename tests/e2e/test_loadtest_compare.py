"""A whole comparison, tiny: every arrival is accounted for, and the record says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtest import compare
from loadtest.results import FLOOR, load_run
from loadtest.setting import LAB_ORDERS_ENV
from loadtest.shop import ROOT
from loadtest.wire import supported

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(120)
def test_a_tiny_comparison_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = compare.main(
        [
            *("--strategies", "message-field"),
            *("--page-size", "5"),
            *("--rounds", "1"),
            *("--rate", "40"),
            *("--duration", "0.5"),
            *("--experiments", "cost"),
            *("--results", str(tmp_path)),
        ]
    )
    shown = capsys.readouterr()
    assert code == 0, shown.err
    (path,) = tmp_path.glob("20*/results.json")
    assert (tmp_path / "latest").resolve() == path.parent
    run = load_run(path)
    assert run.complete
    assert {sample.cell.row for sample in run.samples} == {FLOOR, "message-field"}
    for sample in run.samples:
        seen = sample.measured.observed
        assert seen.ok + sum(seen.refused.values()) + seen.dropped == seen.intended == 20
        assert seen.ok == 20, seen.refused
        assert sample.measured.cpu_s["orders"] > 0
        assert sample.measured.memory_bytes["orders"] > 10 << 20
        if supported():
            assert sample.measured.wire is not None
            assert sample.measured.wire.up > 20 * 20
            assert sample.measured.wire.down > 20 * 20
        assert sample.measured.request.total > 0 or sample.cell.row == FLOOR
    assert "message-field" in shown.out
    assert run.head.run_id in shown.out
    assert "left" in shown.err or "round 1" in shown.err
    assert not [child for child in psutil.Process().children() if child.is_running()]


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
    assert process.returncode == compare.INTERRUPTED
    assert "Stopped early" in shown
    (path,) = tmp_path.glob("20*/results.json")
    run = load_run(path)
    assert not run.complete
    assert len(run.samples) >= 10
