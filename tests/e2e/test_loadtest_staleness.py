"""Staleness and soak, tiny, with whole processes: all strategies, nothing beyond a bound."""

from pathlib import Path

import pytest

from loadtest import compare
from loadtest.change import soak
from loadtest.change.staleness.record import StalenessResult
from loadtest.results import load_run
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e

PROFILE = """
rounds = 1
[staleness]
duration_s = 2.5
watermarks_s = 2
customers = 2
orders_per_s = 10
changes_per_s = 50
state_ttl_s = 1
leeway_s = 0
dwell_s = [0.3, 1.0]
"""


def test_staleness_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(PROFILE)
    code = compare.main(["--profile", str(mine), "--results", str(tmp_path)])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "decisions beyond a stated bound" in shown.out
    assert "No cell was measured" not in shown.out
    run = load_run(tmp_path / "latest" / "results.json")
    assert run.complete
    assert run.samples == ()
    found = run.under_change.staleness
    assert {each.strategy for each in found if each.revocation == "expiry"} == set(Strategy)
    assert len({(each.strategy, each.clients, each.revocation) for each in found}) == len(found)
    for each in found:
        _adds_up(each)


def _adds_up(result: StalenessResult) -> None:
    assert result.decisions == sum(result.findings.values()) > 0
    assert sum(result.undecided.values()) == result.findings.get("undecided", 0)
    assert result.findings["right"] > 0
    assert (result.broken, result.stranger_served) == (0, 0), result.violations
    assert result.grant_to_accept.series_ms == tuple(sorted(result.grant_to_accept.series_ms))
    assert result.settings["ORDERS_CLOCK_LEEWAY_S"] == "0"


def test_a_soak_survives_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.change.misfortune.LONGEST_S", 0.5)
    monkeypatch.setattr("loadtest.change.misfortune.LONGEST_REST_S", 0.6)
    arguments = ["--decisions", "500", "--revocation", "watermarks", "--results", str(tmp_path)]
    assert soak.main(arguments) == 0
    assert "Faults: " in capsys.readouterr().out
    (path,) = tmp_path.glob("*.json")
    run = soak.SoakRun.model_validate_json(path.read_text())
    assert run.decided >= 500
    assert run.broken == 0
    assert sum(run.faults.values()) > 0
