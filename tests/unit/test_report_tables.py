"""The report's figures, tables and words, from made-up runs."""
# ruff: noqa: RUF001 - the multiplication sign and the dash are meant

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loadtest import report
from loadtest.report import numbers, raw
from loadtest.report.__main__ import main
from loadtest.report.advice import CHOOSE_WHEN
from loadtest.report.breaking import Breaking, breaking
from loadtest.report.grpc_limits import predicted_refusals
from loadtest.report.markdown import markdown, of_table
from loadtest.report.page import embedded, page
from loadtest.report.points import Findings
from loadtest.report.readme_plot import picture
from loadtest.report.sections import sections
from loadtest.report.tables import Column, Entry, Table
from loadtest.report.verdict import verdict
from loadtest.results import Experiment, Method
from loadtest.spread import Spread
from tests.unit import loadtest_samples, report_samples
from tests.unit.loadtest_samples import measured, run_of
from waybill.strategy import Strategy


@pytest.fixture(scope="module")
def full() -> Findings:
    return Findings.of(report_samples.full_run())


@pytest.fixture(scope="module")
def only_cost() -> Findings:
    return Findings.of(run_of(*report_samples.cost(wire=False)))


def column(table: Table, title: str) -> list[str]:
    place = [each.title for each in table.columns].index(title)
    return [row[place].text for row in table.rows]


@pytest.mark.parametrize(
    ("median", "half", "text"),
    [
        (1.2634, 0.034, "1.26 ± 0.03"),
        (1.2634, 0.2, "1.3 ± 0.2"),
        (543.2, 12.0, "540 ± 10"),
        (543.2, 3.0, "543 ± 3"),
        (1.5, 0.00001, "1.500"),
        (23_072.0, 0.0, "23,072"),
    ],
)
def test_numbers_have_the_digits_that_their_spread_supports(
    median: float, half: float, text: str
) -> None:
    assert numbers.spread(Spread(median, median - half, median + half)) == text


def test_shares_close_to_none_and_all_are_told_from_them() -> None:
    assert [numbers.percent(each) for each in (0, 0.004, 0.5, 0.996, 1)] == [
        "0%",
        "0.4%",
        "50%",
        "99.6%",
        "100%",
    ]


def test_refusals_are_predicted_as_grpc_documents() -> None:
    assert [predicted_refusals(size) for size in (100, 8_192, 12_288, 16_384, 20_000)] == [
        0,
        0,
        0.5,
        1,
        1,
    ]


def test_the_verdict_has_a_row_for_each_strategy(full: Findings) -> None:
    found = verdict(full)
    assert column(found, "Strategy") == list(report_samples.STRATEGIES)
    assert column(found, "Bytes carried") == ["4,450", "2,650", "450", "450"]
    assert all(re.fullmatch(r"1\.\d+ ± 0\.\d+", cost) for cost in column(found, "Check, × floor"))
    breaks = column(found, "Breaks at (ids)")
    assert breaks[0].startswith("some from 200, all from 4")
    assert breaks[0].endswith("(RESOURCE_EXHAUSTED)")
    assert breaks[1:] == ["not up to 10,000"] * 3
    assert "at 100 ids" in found.caption


def test_columns_without_an_experiment_are_left_out(only_cost: Findings) -> None:
    titles = [each.title for each in verdict(only_cost).columns]
    assert "Bytes on the wire" not in titles
    assert "Bytes carried" in titles


def test_every_strategy_has_its_advice() -> None:
    assert set(CHOOSE_WHEN) == {strategy.value for strategy in Strategy}


def test_a_coarse_run_says_between_which_sizes_it_broke(only_cost: Findings) -> None:
    assert str(breaking(only_cost, "metadata-jwt")) == "over 100, by 1,000"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Breaking(1_000, None, None), "not up to 1,000"),
        (Breaking(150, 160, 300), "some from 160, all from 300"),
        (Breaking(150, 160, None), "some from 160"),
        (Breaking(None, 10, 10), "at 10"),
        (Breaking(None, None, None), "–"),
    ],
)
def test_breaking_in_words(found: Breaking, words: str) -> None:
    assert str(found) == words


LISTS = ("fits", "id-lists", "id-list-limits")
"""Figures that every run with sizes has: they are of the machine's limits, not of the run."""

OUTAGES = ("outage-products", "outage-follower", "outage-worker")


def test_a_run_with_everything_fills_every_section(full: Findings) -> None:
    ids = {section.id: [figure.id for figure in section.figures] for section in sections(full)}
    assert ids == {
        "cost": ["journey", "cpu", "latency", "saturation", "issuing", "cold"],
        "size": ["metadata", "bytes", "cliff", "hops", *LISTS],
        "time": ["revocation", "grant", *OUTAGES, "rolls", "rotation"],
        "coupling": ["contracts", "skew-matrix"],
        "axes": [
            *("axis-via", "axis-grants", "axis-id-kind", "axis-orders-per-list", "axis-workers"),
            "axis-algorithm",
        ],
    }


def test_sections_and_figures_without_data_are_left_out(only_cost: Findings) -> None:
    ids = {section.id: [figure.id for figure in section.figures] for section in sections(only_cost)}
    assert ids == {"cost": ["cpu", "latency"], "size": ["metadata", "bytes", "hops", *LISTS]}


def test_a_run_of_one_cell_can_be_reported(tmp_path: Path) -> None:
    run = run_of(loadtest_samples.sample("replica"))
    text = report.write(run, tmp_path).read_text(encoding="utf-8")
    assert "No floor was measured" in text
    assert "replica" in text


def test_a_run_of_refusals_and_saturated_cells_can_be_reported(tmp_path: Path) -> None:
    refused = measured(ok=0, refused={"RESOURCE_EXHAUSTED": 200})
    run = run_of(
        loadtest_samples.floor(),
        loadtest_samples.sample("metadata-jwt", of=refused),
        loadtest_samples.sample("replica", of=measured(lag_s=0.5)),
        complete=False,
    )
    report.write(run, tmp_path)
    found = verdict(Findings.of(run))
    assert column(found, "Check, × floor") == ["refused", "saturated"]
    assert "stopped early" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_rising_rates_stay_apart(full: Findings) -> None:
    points = full.usual(Experiment.SATURATION, Method.VALIDATE)
    rates = [point.load.rate_per_s for point in points if point.cell.row == "replica"]
    assert rates == [250, 500, 1_000, 1_500, 2_000, 2_500]


def test_issuing_is_charged_without_what_products_uses_at_rest(full: Findings) -> None:
    points = full.usual(Experiment.ISSUE, Method.LIST)
    small = next(point for point in points if point.cell.ids == 10)
    assert small.issue_us is not None
    assert small.issue_us.median == pytest.approx(700 + 40 + 20, rel=1e-6)


def test_every_cell_is_in_the_raw_table(full: Findings) -> None:
    found = raw.cells(full)
    assert len(found.rows) == len(full.points)
    titles = [each.title for each in found.columns]
    assert {"Id kind", "Grants", "Workers", "Warmth"} <= set(titles)
    assert "Customers" not in titles  # the same in all of them


def test_csv_has_one_line_for_each_sample(full: Findings) -> None:
    lines = list(csv.DictReader(io.StringIO(raw.samples_csv(full.run))))
    assert len(lines) == len(full.run.samples)
    assert sum(int(line["ok"]) for line in lines) == sum(
        sample.measured.observed.ok for sample in full.run.samples
    )
    assert all(line["p50_us"] for line in lines if int(line["ok"]))


def test_markdown_tables_have_a_cell_for_each_column(full: Findings) -> None:
    text = markdown(full)
    blocks = [part.splitlines() for part in text.split("\n\n") if part.startswith("| ")]
    assert len(blocks) > 8
    for block in blocks:
        assert len({line.count("|") - line.count("\\|") for line in block}) == 1
    assert "## Verdict" in text


def test_markdown_keeps_a_pipe_inside_its_cell() -> None:
    assert r"a\|b" in of_table(Table("t", [Column("x")], [[Entry("a|b")]]))


class Outline(HTMLParser):
    """Ids, links and headings of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.sources += [found["src"]] if "src" in found else []
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))


def test_the_page_is_whole(full: Findings) -> None:
    outline = Outline()
    text = page(full)
    outline.feed(text)
    assert len(set(outline.ids)) == len(outline.ids)
    assert not outline.sources
    local = {link for link in outline.links if link.startswith("#")}
    assert {link[1:] for link in local} <= set(outline.ids)
    assert set(outline.links) - local == {"data:,"}
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_carries_the_record(full: Findings) -> None:
    text = page(full)
    found = re.search(r'id="record">(.*?)</script>', text, re.DOTALL)
    assert found
    assert json.loads(found[1]) == full.run.model_dump(mode="json")


def test_nothing_in_a_record_ends_its_script() -> None:
    assert "<" not in embedded({"name": "</script><script>alert(1)</script>"})


def test_words_of_a_record_are_escaped() -> None:
    run = run_of(loadtest_samples.floor(), loadtest_samples.sample("replica"))
    head = run.head.model_copy(update={"profile": "<img src=x onerror=alert(1)>"})
    text = page(Findings.of(run.model_copy(update={"head": head})))
    assert "<img" not in text


def test_both_reports_are_written_for_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(loadtest_samples.floor(), loadtest_samples.sample("replica")).save(tmp_path)
    assert main([str(tmp_path)]) == 0
    assert "report.html" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json",
        "report.html",
        "report.md",
    }


def test_a_missing_record_is_an_error_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "absent")]) == 2
    assert "no such run" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_readme_picture_stands_alone(full: Findings) -> None:
    text = picture(full)
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "prefers-color-scheme: dark" in text
    assert "16,384" in text
    assert all(row in text for row in report_samples.STRATEGIES)


def test_a_run_without_orders_has_no_picture() -> None:
    with pytest.raises(ValueError, match="no orders"):
        picture(Findings.of(run_of(loadtest_samples.floor())))
