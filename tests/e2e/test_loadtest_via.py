"""A comparison through the mesh and through a hop, beside the direct one."""

from pathlib import Path

import pytest

from loadtest.compare import main
from loadtest.results import load_run

SMALL = [
    *("--experiments", "cost", "--page-size", "10", "--rounds", "1"),
    *("--duration", "0.3", "--rate", "40", "--strategies", "message-field"),
]


@pytest.mark.e2e
@pytest.mark.engines
def test_what_stands_in_between_has_its_own_cpu_time(tmp_path: Path) -> None:
    code = main([*SMALL, "--via", "direct,mesh,envoy", "--results", str(tmp_path)])

    run = load_run(tmp_path / "latest" / "results.json")
    assert code == 0
    assert run.head.via == "direct,envoy,mesh"
    cpu_s = {(each.cell.row, each.cell.via): each.measured.cpu_s for each in run.samples}
    for row in ("floor", "message-field"):
        assert "path" not in cpu_s[row, "direct"]
        assert cpu_s[row, "mesh"]["path"] > 0
        assert cpu_s[row, "envoy"]["path"] > 0
    assert all(each.measured.observed.ok for each in run.samples)
    report = (tmp_path / "latest" / "report.html").read_text(encoding="utf-8")
    assert "What stands in between" in report
