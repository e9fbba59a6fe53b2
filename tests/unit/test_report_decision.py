"""The page that chooses a strategy says what a comparison's record says."""

import re
from pathlib import Path

import pytest

from loadtest.report.decision import BEGIN, END, PAGE, ROWS, filled, main
from loadtest.results import Run
from tests.unit import report_samples
from tests.unit.report_change_samples import outage_result

STRATEGIES = ("replica", "metadata-jwt")
HEAD = f"| | {' | '.join(f'[`{each}`]({each}.md)' for each in STRATEGIES)} |"


def page(*rows: str) -> str:
    table = "\n".join((HEAD, "|---|---|---|", *rows))
    return f"before\n{BEGIN}old words\n\n{table}\n\nold ranking\n{END}\nafter\n"


def blank() -> str:
    return page(*(f"| {each} | old | old |" for each in ROWS), "| By hand | a | b |")


@pytest.fixture(scope="module")
def run() -> Run:
    """The sample run, and one outage more that the page asks for."""
    whole = report_samples.full_run()
    store = tuple(outage_result(each, "store", "killed", 2.0) for each in STRATEGIES)
    change = whole.under_change.model_copy(update={"outage": whole.under_change.outage + store})
    return whole.model_copy(update={"under_change": change})


def test_rows_of_the_run_are_written_anew_and_others_stay(run: Run) -> None:
    text = filled(blank(), run)
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| By hand | a | b |" in text
    assert not re.search(r"\bold\b", text)
    assert f"comparison `{run.head.run_id}`" in text
    assert "Cheapest first by a whole journey: replica < " in text
    assert re.search(r"gRPC's defaults \| not up to [\d,]+ \| some from \d+", text)
    assert filled(text, run) == text, "twice is the same as once"


def test_the_page_has_every_row() -> None:
    text = PAGE.read_text()
    assert all(f"\n| {row} | " in text.split(BEGIN)[1].split(END)[0] for row in ROWS)


def test_what_the_run_lacks_is_an_error(run: Run) -> None:
    with pytest.raises(ValueError, match="staleness is not in the record"):
        filled(blank(), run.model_copy(update={"under_change": type(run.under_change)()}))
    with pytest.raises(ValueError, match="was stopped"):
        filled(blank(), run.model_copy(update={"complete": False}))


def test_a_broken_bound_is_not_published(run: Run) -> None:
    first, *others = run.under_change.staleness
    broken = first.model_copy(update={"strategy": "replica", "broken": 1})
    change = run.under_change.model_copy(update={"staleness": (broken, *others)})
    with pytest.raises(ValueError, match="beyond its bound"):
        filled(blank(), run.model_copy(update={"under_change": change}))


@pytest.mark.parametrize(
    ("text", "words"), [("nothing", "no place"), (page("| By hand | a | b |"), "no row")]
)
def test_a_page_without_marks_or_rows_is_left_alone(
    text: str, words: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.save(tmp_path)
    target = tmp_path / "page.md"
    target.write_text(text)
    assert main([str(tmp_path), "--page", str(target)]) == 2
    assert words in capsys.readouterr().err
    assert target.read_text() == text
