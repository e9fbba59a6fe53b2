"""The report in a headless Chromium, opened from disk as a reader would."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import report
from loadtest.results import Run
from tests.browser import MISSING, Browser, browser, find_chromium
from tests.unit import report_samples
from tests.unit.loadtest_samples import floor, run_of, sample

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_chromium() is None, reason=MISSING),
]

PHONE, DESK = 390, 1280
PAPER = 717
"""A4 within a browser's margins."""


@pytest.fixture(scope="module")
def run() -> Run:
    return report_samples.full_run()


@pytest.fixture(scope="module")
def url(run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    return report.write(run, tmp_path_factory.mktemp("run")).as_uri()


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def page(tab: Browser, url: str) -> Browser:
    tab.errors.clear()
    tab.requests.clear()
    tab.look(DESK)
    tab.open(url)
    return tab


def test_opens_from_disk_without_complaint_and_asks_for_nothing_else(
    page: Browser, url: str
) -> None:
    assert page.errors == []
    assert [each for each in page.requests if not each.startswith("data:")] == [url]
    assert page.run("document.title").startswith("Waybill comparison")


FIGURES = """
[...document.querySelectorAll("figure")].filter((figure) => figure.querySelector("svg.chart"))
"""
VISIBLE = "[...figure.querySelectorAll('svg.chart')].filter((chart) => chart.checkVisibility())"


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_every_plot_is_drawn_and_shown_once(page: Browser, width: int) -> None:
    page.look(width)
    charts = page.run(f"""{FIGURES}.map((figure) => {VISIBLE}.map((chart) => {{
      const box = chart.getBoundingClientRect();
      const marks = [...chart.querySelectorAll(".mark, .line, .band, .edge")];
      const sizes = marks.map((mark) => mark.getBBox()).map((b) => b.width + b.height);
      const drawn = figure.querySelectorAll("svg.chart").length;
      return {{ id: figure.id, drawn, width: box.width, height: box.height, sizes }};
    }}))""")
    assert len(charts) >= 16
    for shown in charts:
        assert 2 * len(shown) == shown[0]["drawn"]
        for chart in shown:
            assert chart["width"] > 300, chart
            assert chart["height"] > 100, chart
            assert chart["sizes"], chart
            assert min(chart["sizes"]) > 0, chart


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_no_text_of_a_plot_is_cut_off_or_printed_over_another(page: Browser, width: int) -> None:
    page.look(width)
    clashes = page.run(f"""{FIGURES}.flatMap((figure) => {VISIBLE}.flatMap((chart) => {{
      const out = chart.getBoundingClientRect();
      const boxes = [...chart.querySelectorAll("text")].map((text) =>
        [text.textContent, text.getBoundingClientRect()]);
      const cut = boxes.filter(([, box]) => box.left < out.left - 1 || box.right > out.right + 1);
      const over = boxes.flatMap(([one, a], place) => boxes.slice(place + 1)
        .filter(([, b]) => a.left < b.right - 2 && b.left < a.right - 2
          && a.top < b.bottom - 4 && b.top < a.bottom - 4)
        .map(([other]) => [figure.id, one, other]));
      return [...cut.map(([words]) => [figure.id, words]), ...over];
    }}))""")
    assert clashes == []


def column(page: Browser, title: str) -> list[str]:
    found: list[str] = page.run(f"""(() => {{
      const table = document.getElementById("cells-table");
      const place = [...table.tHead.rows[0].cells]
        .findIndex((head) => head.textContent === "{title}");
      return [...table.tBodies[0].rows].filter((row) => !row.hidden)
        .map((row) => row.cells[place].textContent.trim());
    }})()""")
    return found


def press(page: Browser, title: str) -> str | None:
    sort: str | None = page.run(f"""(() => {{
      const head = [...document.querySelectorAll("#cells-table thead th")]
        .find((head) => head.textContent === "{title}");
      head.querySelector("button").click();
      return head.getAttribute("aria-sort");
    }})()""")
    return sort


def test_cells_sort_by_figures_and_by_words_in_both_directions(page: Browser) -> None:
    assert press(page, "Ids") == "ascending"
    ids = [int(each.replace(",", "")) for each in column(page, "Ids")]
    assert ids == sorted(ids)
    assert press(page, "Ids") == "descending"
    assert [int(each.replace(",", "")) for each in column(page, "Ids")] == sorted(ids, reverse=True)
    assert press(page, "Strategy") == "ascending"
    assert column(page, "Strategy") == sorted(column(page, "Strategy"))
    assert page.run("document.querySelectorAll('#cells-table [aria-sort]').length") == 1


def test_what_has_no_figure_sorts_last_either_way(page: Browser) -> None:
    for _ in range(2):
        press(page, "p99, µs")
        assert column(page, "p99, µs")[-1] == "–"  # noqa: RUF001


def test_cells_filter_by_words_and_by_choice(page: Browser) -> None:
    every = len(column(page, "Strategy"))
    page.run("""(() => {
      const search = document.getElementById("search");
      search.value = "replica cliff";
      search.dispatchEvent(new Event("input"));
    })()""")
    assert set(column(page, "Strategy")) == {"replica"}
    assert set(column(page, "Experiment")) == {"cliff"}
    shown = len(column(page, "Strategy"))
    assert page.run("document.getElementById('count').value") == f"{shown} of {every} cells"
    page.run("""(() => {
      search.value = ""; search.dispatchEvent(new Event("input"));
      const choice = [...document.querySelectorAll("#choices label")]
        .find((label) => label.textContent.startsWith("Experiment")).querySelector("select");
      choice.value = "issue"; choice.dispatchEvent(new Event("change"));
    })()""")
    assert set(column(page, "Experiment")) == {"issue"}
    assert set(column(page, "Method")) == {"ListProducts"}


def test_the_record_downloads_as_json_and_csv(page: Browser, run: Run) -> None:
    page.run("""(() => {
      window.saved = [];
      URL.createObjectURL = (blob) => { window.blob = blob; return "blob:x"; };
      HTMLAnchorElement.prototype.click = function () {
        window.saved.push([this.download, window.blob.type, window.blob]);
      };
      document.querySelectorAll("[data-download]").forEach((button) => button.click());
    })()""")
    names = [(name, kind) for name, kind, _ in page.run("window.saved")]
    assert names == [
        (f"waybill-{run.head.run_id}.json", "application/json"),
        (f"waybill-{run.head.run_id}.csv", "text/csv"),
    ]
    texts = page.command(
        "Runtime.evaluate",
        expression="Promise.all(window.saved.map(([, , blob]) => blob.text()))",
        awaitPromise=True,
        returnByValue=True,
    )["result"]["value"]
    assert Run.model_validate_json(texts[0]) == run
    assert len(texts[1].splitlines()) == len(run.samples) + 1


def test_a_desk_shows_the_verdict_whole(page: Browser) -> None:
    shown = "document.querySelector('#verdict .scroll')"
    assert page.run(f"{shown}.scrollWidth - {shown}.clientWidth") == 0


@pytest.mark.parametrize("opened", [False, True])
def test_a_phone_scrolls_only_inside_of_tables(page: Browser, opened: bool) -> None:
    page.look(PHONE)
    page.run(
        f"document.querySelectorAll('details').forEach((each) => each.open = {str(opened).lower()})"
    )
    assert page.run("document.documentElement.scrollWidth") == PHONE
    assert page.run("""[...document.querySelectorAll(".scroll")].every((each) =>
      each.tabIndex === 0 && each.getBoundingClientRect().right <= innerWidth)""")


def test_readers_who_prefer_dark_get_it(page: Browser) -> None:
    look = "[getComputedStyle(document.body), getComputedStyle(document.querySelector('.mark.s1'))]"
    colours = f"{look}.map((style, i) => i ? style.fill : [style.backgroundColor, style.color])"
    light = page.run(colours)
    page.look(DESK, dark=True)
    dark = page.run(colours)
    assert light[0] == ["rgb(255, 255, 255)", "rgb(27, 31, 36)"]
    assert dark[0] == ["rgb(21, 24, 28)", "rgb(232, 235, 239)"]
    assert light[1] != dark[1]


def test_screen_readers_find_names_for_everything(page: Browser) -> None:
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    named = {"image", "table", "region", "figure", "button", "combobox", "searchbox", "navigation"}
    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in named
    ]
    assert {role for role, _ in found} >= {"image", "table", "region", "figure", "button"}
    assert [each for each in found if not each[1]] == []


def test_the_keyboard_reaches_the_verdict_first(page: Browser) -> None:
    for kind in ("keyDown", "keyUp"):
        page.command("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab")
    assert page.run("document.activeElement.getAttribute('href')") == "#verdict"


def test_it_can_be_printed(page: Browser) -> None:
    page.look(DESK, dark=True)
    assert page.pdf().startswith(b"%PDF")
    page.command("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("document.querySelector('nav').checkVisibility()") is False
    page.look(PAPER)
    page.command("Emulation.setEmulatedMedia", media="print")
    right = page.run("document.getElementById('verdict-table').getBoundingClientRect().right")
    assert right <= PAPER


def test_the_verdict_leads_to_the_figure_behind_each_cell(page: Browser) -> None:
    cells = page.run("""[...document.querySelectorAll("#verdict-table tbody tr")].map((row) =>
      [...row.querySelectorAll("td a")].map((link) => link.getAttribute("href")))""")
    assert cells[2] == [
        *("#journey", "#journey", "#cpu", "#metadata", "#bytes", "#metadata"),
        *("#revocation", "#outage-products", "#outage-follower", "#rotation", "#skew-matrix"),
    ]


def test_outcomes_are_words_that_a_colour_repeats(page: Browser) -> None:
    found = page.run("""[...document.querySelectorAll("#skew-matrix td")].map((cell) =>
      [cell.textContent.trim().split(":")[0], getComputedStyle(cell).color])""")
    assert {words for words, _ in found} == {"works", "refused", "silently wrong"}
    assert len(set(map(tuple, found))) == 3


def test_the_dependency_that_no_call_shows_is_dashed(page: Browser) -> None:
    found = page.run("""[...document.querySelectorAll("#contracts .wide line.edge")].map((edge) => [
      edge.parentElement.querySelector("title").textContent.split(":")[0],
      getComputedStyle(edge).strokeDasharray !== "none"])""")
    assert ["products to orders", True] in found
    assert ["orders to products", False] in found
    assert ["products to orders", False] not in found


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_run_without_cost_opens_as_well(
    tab: Browser, run: Run, tmp_path: Path, width: int
) -> None:
    tab.errors.clear()
    tab.look(width)
    tab.open(report.write(run.model_copy(update={"samples": ()}), tmp_path).as_uri())
    assert tab.errors == []
    assert tab.run("document.documentElement.scrollWidth") == width
    assert tab.run("document.querySelector('[data-download=record]').checkVisibility()")
    titles = "[...document.querySelectorAll('main > section > h2')].map((each) => each.textContent)"
    assert tab.run(titles) == ["Verdict", "Time", "Coupling", "Method and raw data"]


def test_a_small_run_opens_as_well(tab: Browser, tmp_path: Path) -> None:
    tab.errors.clear()
    tab.look(DESK)
    tab.open(report.write(run_of(floor(), sample("replica")), tmp_path).as_uri())
    assert tab.errors == []
    assert column(tab, "Strategy") == ["floor", "replica"]
