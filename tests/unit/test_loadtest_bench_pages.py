"""The pages of the strategies say what a benchmark's record says."""

import re
from pathlib import Path

import pytest

from loadtest.bench import peers
from loadtest.bench.pages import PAGES, costs, filled, main
from loadtest.bench.record import BenchRun, Timing
from loadtest.results import Machine
from waybill.strategy import Strategy

STEPS = {
    Strategy.REPLICA: ("read",),
    Strategy.DIRECT_CALL: ("cache hit",),
}
BLOCK = "a\n<!-- measured: costs -->\nold\n<!-- /measured: costs -->\nz\n"


def timing(
    step: str, strategy: str, ids: int = 100, algorithm: str = "", us: float = 50.0
) -> Timing:
    return Timing(
        step=step,
        strategy=strategy,
        ids=ids,
        id_kind="sku",
        size_bytes=0 if step in ("read", "cache hit") else 1_234,
        us=us,
        low_us=us * 0.9,
        high_us=us * 1.1,
        floor_name="Ed25519 sign",
        floor_us=25.0,
        ratio=us / 25,
        ratio_low=1,
        ratio_high=3,
        algorithm=algorithm,
    )


def run() -> BenchRun:
    rows = [
        timing(step, strategy, ids)
        for strategy in Strategy
        for step in STEPS.get(strategy, ("issue", "check cold", "check warm"))
        for ids in (10, 1_000)
    ]
    for name, us in (("EdDSA", 50.0), ("RS256", 512.0)):
        rows += [
            timing(step, "metadata-jwt", 100, name, us)
            for step in ("issue", "check cold", "check warm")
        ]
    rows += [timing(step, name) for step in (peers.ISSUE, peers.CHECK) for name in peers.PEERS]
    return BenchRun(
        run_id="20270115T080000Z-1f3a",
        begun="2027-01-15T08:00:00+00:00",
        seed=1,
        commit="0123456789ab",
        versions={},
        machine=Machine(cpu="Some CPU", cpus=2, platform="Linux", python="3.11"),
        complete=True,
        timings=tuple(rows),
        durable=(),
    )


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_page_has_a_table_with_machine_and_date(strategy: Strategy) -> None:
    page = (PAGES / f"{strategy.value}.md").read_text()
    assert re.search(r"`make bench` on \d{4}-\d\d-\d\d, .* commit [0-9a-f]{12}", page)
    text = filled(page, run(), strategy.value)
    assert "`make bench` on 2027-01-15, 2 \N{MULTIPLICATION SIGN} Some CPU, Python 3.11" in text
    assert "within ±10%" in text
    assert filled(text, run(), strategy.value) == text, "twice is the same as once"


def test_a_row_for_each_size_and_key() -> None:
    lines = list(costs(run(), "metadata-jwt"))
    rows = [line for line in lines if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == [
        "| Ids (sku) on the page",
        "| ---",
        "| 10",
        "| 100",
        "| 1,000",
        "| Key",
        "| ---",
        "| EdDSA",
        "| RS256",
    ]
    assert rows[-1] == "| RS256 | 512 (20.5) | 512 (20.5) | 512 (20.5) | 1,234 | 1,234 |"
    assert len({row.count(" | ") for row in rows}) == 1


def test_what_does_not_travel_has_no_bytes() -> None:
    lines = list(costs(run(), "replica"))
    assert lines[-1] == "| 1,000 | 50.0 (2.00) |"


def test_only_the_block_changes() -> None:
    text = filled(BLOCK, run(), "replica")
    assert text.startswith("a\n<!-- measured: costs -->\n`make bench`")
    assert text.endswith("|\n<!-- /measured: costs -->\nz\n")
    assert "old" not in text
    assert filled("no block", run(), "replica") == "no block"


@pytest.mark.parametrize(
    ("text", "strategy", "words"),
    [(BLOCK, "unheard-of", "no figures of"), (BLOCK[:30], "replica", "not closed")],
)
def test_what_cannot_be_filled_is_said(text: str, strategy: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        filled(text, run(), strategy)


def test_the_command_writes_the_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = run().save(tmp_path / "run")
    page = tmp_path / "pages" / "replica.md"
    page.parent.mkdir()
    page.write_text(BLOCK)
    assert main([str(record), "--pages", str(page.parent)]) == 0
    assert page.read_text() == filled(BLOCK, run(), "replica")
    assert str(page) in capsys.readouterr().out


def test_a_missing_record_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "replica.md"
    page.write_text(BLOCK)
    assert main(["absent", "--pages", str(tmp_path)]) == 2
    assert "no such run" in capsys.readouterr().err
    assert page.read_text() == BLOCK
