"""The report's figures about hops."""

import json
from pathlib import Path

import pytest

from loadtest.report import hops
from loadtest.report.points import Findings
from mesh.known import HeaderLimits, KnownLimits
from tests.unit.report_samples import full_run


def hop(**request: int) -> KnownLimits:
    return KnownLimits("1", "path", {"request": HeaderLimits(**request)})


def test_close_limits_share_a_label() -> None:
    lines = hops.limit_lines(
        {"a": hop(total_bytes=8_000), "b": hop(total_bytes=9_000), "c": hop(total_bytes=60_000)}
    )
    assert [(line.y, line.label) for line in lines] == [
        (8_000, ""),
        (9_000, "a 8,000 · b 9,000"),
        (60_000, "c 60,000"),
    ]


def test_a_limit_of_one_value_counts_where_it_is_lower_and_no_limit_is_no_line() -> None:
    lines = hops.limit_lines({"a": hop(total_bytes=32_768, value_bytes=8_192), "b": hop()})
    assert [line.y for line in lines] == [8_192]


def test_every_hop_in_its_defaults_is_in_the_figure() -> None:
    figure = hops.hop_limits(Findings.of(full_run()))
    assert figure is not None
    assert figure.charts
    shown = {row[0].text for row in figure.table.rows}
    assert shown == {"grpcio server", "envoy", "caddy", "nginx", "haproxy"}


def test_ids_that_fit_are_those_that_fit_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = {"subject": "nginx", "kind": "sku", "encoding": "jwt v1", "authorization_bytes": 0}
    file = tmp_path / "limits.json"
    file.write_text(json.dumps({"fits": [{**fit, "request_ids": 338, "initial_ids": 167}]}))
    monkeypatch.setattr(hops, "FITS_FILE", file)
    figure = hops.ids_that_fit(Findings.of(full_run()))
    assert figure is not None
    assert [entry.text for entry in figure.table.rows[0]] == ["nginx", "0", "167"]


def test_without_a_measurement_nothing_is_said_of_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hops, "FITS_FILE", tmp_path / "none.json")
    assert hops.ids_that_fit(Findings.of(full_run())) is None
