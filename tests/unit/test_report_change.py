"""The report's figures, tables and words about experiments under change."""

import io
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.change.record import UnderChange
from loadtest.change.timeline import Timeline
from loadtest.compare import exit_code
from loadtest.report import answers, change_notes
from loadtest.report.arrows import Arrow, ArrowChart
from loadtest.report.chart import Chart, Size
from loadtest.report.figures import Figure
from loadtest.report.markdown import markdown
from loadtest.report.numbers import duration, period
from loadtest.report.points import Findings
from loadtest.report.promises import promises
from loadtest.report.ribbons import RibbonChart, parts_of
from loadtest.report.sections import sections
from loadtest.report.staleness import steps
from loadtest.report.tables import Tone
from loadtest.report.terminal import verdict_grids
from loadtest.report.verdict import verdict
from loadtest.results import Run
from loadtest.table import WIDTH, console, show
from tests.unit import report_change_samples as samples
from tests.unit import report_samples
from tests.unit.loadtest_samples import run_of


def run_with(**found: Any) -> Run:
    return run_of().model_copy(update={"under_change": UnderChange(**found)})


def findings_with(**found: Any) -> Findings:
    return Findings.of(run_with(**found))


@pytest.fixture(scope="module")
def full() -> Findings:
    return Findings.of(run_of().model_copy(update={"under_change": samples.under_change()}))


def figures(findings: Findings) -> dict[str, Figure]:
    return {figure.id: figure for section in sections(findings) for figure in section.figures}


def texts(chart: Chart, width: int = 640) -> list[str]:
    drawing = chart.draw(Size(width, 380), "c")
    return [found.text or "" for found in drawing.iter() if found.tag == "text"]


def test_strategies_come_from_every_experiment(full: Findings) -> None:
    assert list(full.strategies) == list(samples.ALL)


def test_the_verdict_tells_what_changes_did(full: Findings) -> None:
    found = verdict(full)
    titles = [column.title for column in found.columns]
    rows = {row[0].text: dict(zip(titles, row, strict=True)) for row in found.rows}
    jwt, replica = rows["metadata-jwt"], rows["replica"]
    assert jwt["Stale for, p99 (bound)"].text.startswith("3.0 s (3 s); ")
    assert jwt["Stale for, p99 (bound)"].text.endswith("(1 s) with watermarks")
    assert jwt["Products down"].text == "100%"
    assert replica["Products down"].text == "71%; recovers: 0.4 s"
    assert jwt["Follower or store down"].text == "no harm"
    assert replica["Follower or store down"].text == "71%; follower paused"
    assert replica["Follower or store down"].evidence == "outage-follower"
    assert replica["Keys change"].text == "0 failed"
    assert replica["Schema change"].text == "no state travels"
    assert jwt["Schema change"].text == (
        "new field: works; if strict: refused; new version: refused; old version: silently wrong"
    )
    assert "Cost, × floor" not in titles  # noqa: RUF001


def test_a_decision_beyond_its_bound_is_shouted() -> None:
    found = findings_with(staleness=(samples.staleness_result("replica", broken=3),))
    entry = answers.stale(found, "replica")
    assert "OVER IT 3 times" in entry.text
    assert entry.tone is Tone.BAD
    assert [kept for _, kept in promises(found)] == [False, True]
    assert "NOT KEPT: 3 of 1,900 decisions beyond a bound" in markdown(found)


def test_customers_who_refresh_count_for_the_bound_too() -> None:
    results = (
        samples.staleness_result("metadata-jwt"),
        samples.staleness_result("metadata-jwt", clients="refresh", broken=1),
    )
    assert "OVER IT" in answers.stale(findings_with(staleness=results), "metadata-jwt").text


def test_failed_orders_and_served_forgers_break_a_promise() -> None:
    bad = samples.rotation_result("replica", failed={"X": 2}, forged_served=1, most_in_30_s=2)
    found = findings_with(rotation=(bad,))
    assert answers.keys(found, "replica").text == "2 failed"
    assert [kept for _, kept in promises(found)] == [False, False, False]
    assert exit_code(found.run, gate=True) == 1
    assert exit_code(found.run, gate=False) == 0


def test_a_run_in_which_all_went_well_keeps_every_promise(full: Findings) -> None:
    assert all(kept for _, kept in promises(full))
    assert exit_code(full.run, gate=True) == 0


@pytest.mark.parametrize("topic", ["staleness", "outage", "skew", "rotation"])
def test_each_experiment_can_be_reported_alone(topic: str) -> None:
    found = findings_with(**{topic: getattr(samples.under_change(), topic)})
    expected = {
        "staleness": {"revocation", "grant"},
        "outage": {"outage-products", "outage-follower", "outage-worker"},
        "skew": {"rolls", "contracts", "skew-matrix"},
        "rotation": {"rotation"},
    }
    assert set(figures(found)) == expected[topic]
    assert list(change_notes.caveats(found.run.under_change))
    assert len(list(change_notes.conduct(found.run.under_change))) == 1
    assert len(list(verdict_grids(found))) == 1


def test_nothing_is_said_of_experiments_that_were_not_run() -> None:
    only_cost = Findings.of(run_of(*report_samples.cost()))
    assert not list(change_notes.caveats(only_cost.run.under_change))
    titles = [column.title for column in verdict(only_cost).columns]
    assert not {"Products down", "Schema change", "Keys change"} & set(titles)
    assert len(list(verdict_grids(only_cost))) == 2, "what it costs, and when to choose which"


def test_the_terminal_keeps_to_its_width_with_every_experiment() -> None:
    out = io.StringIO()
    show(report_samples.full_run(), console(out))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "…" not in out.getvalue()
    assert any("if strict: refused" in line for line in lines)


def test_times_of_changes_have_a_row_for_each_kind_of_customer(full: Findings) -> None:
    found = figures(full)["revocation"]
    assert len(found.table.rows) == len(full.run.under_change.staleness)
    (chart,) = found.charts
    words = texts(chart)
    assert {"until state expires", "or a watermark ends it", "stated bound"} <= set(words)
    assert words.count("3 s") == len(samples.TRAVELS)


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=400))
def test_a_distribution_rises_from_none_to_all(series: list[float]) -> None:
    places = steps(sorted(series))
    assert places[0][1] == 0
    assert places[-1][1] == 1
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(places))
    assert len(places) <= 242
    assert all(x > 0 for x, _ in places)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_a_ribbon_has_a_part_for_each_step_with_orders(counts: list[tuple[int, int]]) -> None:
    served, refused = zip(*counts, strict=True)
    found = parts_of(Timeline(bucket_s=0.5, served=served, refused={"X": refused}), 1.0)
    assert len(found) == sum(any(each) for each in counts)
    assert all(0 <= part.share <= 1 and part.begin >= -1.0 for part in found)


def test_a_time_line_has_a_gap_where_nothing_was_due() -> None:
    assert [part.begin for part in parts_of(samples.timeline(1.0))] == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.8]
    )
    empty = Timeline(bucket_s=0.2, served=(1, 0, 1), refused={})
    assert [part.begin for part in parts_of(empty)] == pytest.approx([0, 0.4])


def test_an_outage_shows_when_it_began_and_ended(full: Findings) -> None:
    killed, paused = figures(full)["outage-products"].charts
    assert isinstance(killed, RibbonChart)
    assert killed.zone == pytest.approx((0, 7))
    words = texts(killed)
    assert {"killed", "back", "served", "recovers", "71%", "no loss"} <= set(words)
    assert "recovers" not in texts(killed, width=348)
    assert "paused" in texts(paused)


def test_of_two_workers_the_worse_case_is_drawn_and_both_are_in_the_table(full: Findings) -> None:
    found = figures(full)["outage-worker"]
    assert "worker-2 paused" in found.charts[0].title
    names = {row[1].text for row in found.table.rows}
    assert names == {
        f"worker-{number} {fault}" for number in (1, 2) for fault in ("paused", "killed")
    }


def test_a_process_that_is_started_at_once_has_a_moment_and_no_end(full: Findings) -> None:
    _, killed = figures(full)["outage-worker"].charts
    assert isinstance(killed, RibbonChart)
    assert killed.zone is None
    assert "back" not in texts(killed)


def test_labels_without_room_are_left_out_of_a_time_line() -> None:
    short = samples.outage_result("replica", "products", "paused", 0.2, 0.0)
    (chart,) = figures(findings_with(outage=(short,)))["outage-products"].charts
    assert "paused" in texts(chart, width=348)
    assert "back" not in texts(chart, width=348)


def test_an_outage_without_an_end_in_sight_says_so() -> None:
    result = samples.outage_result("replica", "products", "killed", 7.0, 1.0)
    lasting = result.model_copy(update={"recovered_s": None})
    found = findings_with(outage=(result, lasting))
    assert answers.products_down(found, "replica").text.endswith("recovers: not seen")


def test_rolls_and_rotations_mark_their_steps(full: Findings) -> None:
    rolls = figures(full)["rolls"]
    assert "(1) 10% to new orders; (2) products v2." in rolls.caption
    first, producer, split = rolls.charts
    assert split.title.endswith("readers first by traffic split")
    assert {"1", "2", "3"} <= set(texts(first))
    assert {"100%"} <= set(texts(first))
    assert "100%" not in texts(producer)
    (rotation,) = figures(full)["rotation"].charts
    assert {"2", "3", "4"} <= set(texts(rotation))


def test_the_matrix_says_each_outcome_in_words_and_repeats_it_as_a_tone(full: Findings) -> None:
    cells = [entry for row in figures(full)["skew-matrix"].table.rows for entry in row[1:]]
    tones = {"works": Tone.GOOD, "refused": Tone.FAIR, "silently wrong": Tone.BAD}
    assert {cell.text.partition(":")[0] for cell in cells} == set(tones)
    assert all(cell.tone is tones[cell.text.partition(":")[0]] for cell in cells)
    assert any("STATE_VERSION_UNSUPPORTED" in cell.text for cell in cells)


def test_strategies_whose_outcomes_differ_have_rows_of_their_own(full: Findings) -> None:
    first, second = full.run.under_change.skew
    other = second.model_copy(update={"matrix": second.matrix[:-1]})
    table = figures(findings_with(skew=(first, other)))["skew-matrix"].table
    assert table.columns[1].title == "Strategies"
    assert len(table.rows) == 2 * 4


def test_the_register_is_drawn_with_the_invisible_edge_dashed(full: Findings) -> None:
    (chart,) = figures(full)["contracts"].charts
    assert isinstance(chart, ArrowChart)
    dashed = {(arrow.begin, arrow.end) for arrow in chart.arrows if arrow.dashed}
    assert dashed == {("products", "orders")}
    solid = {(arrow.begin, arrow.end) for arrow in chart.arrows if not arrow.dashed}
    assert solid == {("client", "products"), ("client", "orders"), ("orders", "products")}


def test_arrows_point_either_way_and_wrap_their_labels() -> None:
    label = "one two three four five six seven eight nine ten eleven twelve"
    chart = ArrowChart("t", ("a", "b"), [Arrow("a", "b", label), Arrow("b", "a", "x")])
    slim, wide = texts(chart, 348), texts(chart, 640)
    assert len(slim) > len(wide)
    assert "x" in wide


@pytest.mark.parametrize(
    ("seconds", "measured", "chosen"),
    [
        (None, "–", None),  # noqa: RUF001
        (0.0, "0 ms", "0 ms"),
        (0.0067, "6.7 ms", "6.7 ms"),
        (0.355, "360 ms", "355 ms"),
        (0.9996, "1.0 s", "0.9996 s"),
        (3.0, "3.0 s", "3 s"),
        (123.4, "120 s", "123.4 s"),
    ],
)
def test_times_have_two_digits_where_they_were_measured(
    seconds: float | None, measured: str, chosen: str | None
) -> None:
    assert duration(seconds) == measured
    if seconds is not None:
        assert period(seconds) == chosen
