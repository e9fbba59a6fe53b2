"""What changed between two runs, and what is only noise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.changes import compare
from loadtest.diff import differing, main
from loadtest.rankings import rankings
from loadtest.records import NoRecord, find_record
from loadtest.results import Run, Sample
from tests.unit import report_samples
from tests.unit.loadtest_samples import run_of


def costlier(sample: Sample, factor: float) -> Sample:
    cpu = {name: value * factor for name, value in sample.measured.cpu_s.items()}
    return sample.model_copy(update={"measured": sample.measured.model_copy(update={"cpu_s": cpu})})


def changed(change: Callable[[Sample], Sample], row: str = "replica", rounds: int = 8) -> Run:
    samples = report_samples.cost(rounds)
    return run_of(*(change(each) if each.cell.row == row else each for each in samples))


def test_a_run_does_not_differ_from_itself() -> None:
    run = run_of(*report_samples.cost(8))
    found = compare(run, run)
    assert found.changes == ()
    assert found.compared > 100
    assert (found.unmatched, found.short) == (0, 0)


def test_a_change_beyond_the_noise_is_found_in_its_own_cells_only() -> None:
    found = compare(run_of(*report_samples.cost(8)), changed(lambda each: costlier(each, 1.3)))
    assert {change.key.cell.row for change in found.changes} == {"replica"}
    assert {change.figure.name for change in found.changes} == {"CPU, × floor"}  # noqa: RUF001
    assert all(change.worse for change in found.changes)
    assert len(found.changes) == 2 * len(report_samples.IDS)


def test_a_small_change_is_noise() -> None:
    found = compare(run_of(*report_samples.cost(8)), changed(lambda each: costlier(each, 1.03)))
    assert found.changes == ()


def test_less_is_better() -> None:
    found = compare(run_of(*report_samples.cost(8)), changed(lambda each: costlier(each, 0.7)))
    assert found.changes
    assert not any(change.worse for change in found.changes)


def smaller(sample: Sample) -> Sample:
    request = sample.measured.request
    request = request.model_copy(update={"message": request.message - 10})
    return sample.model_copy(
        update={"measured": sample.measured.model_copy(update={"request": request})}
    )


def test_bytes_have_no_noise() -> None:
    found = compare(run_of(*report_samples.cost(8)), changed(smaller))
    assert {change.figure.name for change in found.changes} == {"bytes sent"}


def test_few_rounds_say_nothing_of_what_varies() -> None:
    found = compare(
        run_of(*report_samples.cost(5)), changed(lambda each: costlier(each, 3), rounds=5)
    )
    assert found.changes == ()
    assert found.compared > 0, "bytes and shares are compared all the same"
    assert found.short == len(report_samples.STRATEGIES) * len(report_samples.IDS) * 2


def test_cells_of_one_run_only_are_counted() -> None:
    found = compare(
        run_of(*report_samples.cost(8)), run_of(*report_samples.cost(8), *report_samples.cold())
    )
    assert found.unmatched == len(report_samples.STRATEGIES) * len(report_samples.IDS)


def test_the_command_tells_and_gates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_of(*report_samples.cost(8)).save(tmp_path / "a")
    changed(lambda each: costlier(each, 1.3)).save(tmp_path / "b")
    names = [str(tmp_path / "a"), str(tmp_path / "b" / "results.json")]
    assert main([names[0], names[0]]) == 0
    capsys.readouterr()
    assert main(names) == 1
    out = capsys.readouterr().out
    assert "replica" in out
    assert "8 worse, 0 better" in out
    assert all(len(line) <= 100 for line in out.splitlines())
    assert main([*names, "--gate"]) == 1
    assert main([*reversed(names)]) == 1
    assert main([*reversed(names), "--gate"]) == 0


def test_equal_rankings_are_said_and_reversed_ones_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = report_samples.journeys()
    run_of(*samples).save(tmp_path / "a")
    swapped = {"replica": "direct-call", "direct-call": "replica"}

    def exchanged(sample: Sample) -> Sample:
        row = swapped.get(sample.cell.row, sample.cell.row)
        return sample.model_copy(update={"cell": sample.cell.model_copy(update={"row": row})})

    run_of(*map(exchanged, samples)).save(tmp_path / "b")
    assert main([str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    order = "replica < message-field = metadata-jwt < direct-call"
    assert f"Ranked alike by the CPU time of whole journeys: {order}." in text
    assert "Ratios to the floor differ by at most 0.0%" in text
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "B: direct-call < message-field = metadata-jwt < replica." in text
    assert "replica and direct-call" in text


def test_single_parts_are_ranked_apart() -> None:
    found = rankings(report_samples.full_run(), report_samples.full_run())
    assert found.main is not None
    assert found.main.equal
    assert not found.reversed


def test_runs_without_enough_rounds_have_no_ranking() -> None:
    run = run_of(*report_samples.cost(3))
    assert list(rankings(run, run).lines()) == ["The runs have no ranking in common."]


def test_a_run_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "no such run" in capsys.readouterr().err


@pytest.mark.parametrize("other", [report_samples.cold, list], ids=["other cells", "no cells"])
def test_runs_without_a_common_cell_are_an_error_and_no_pass(
    other: Callable[[], list[Sample]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(*report_samples.cost(2)).save(tmp_path / "a")
    run_of(*other()).save(tmp_path / "b")
    names = [str(tmp_path / "a"), str(tmp_path / "b")]
    for arguments in (names, [*names, "--gate"]):
        assert main(arguments) == 2
        said = capsys.readouterr()
        assert "no cell in common" in said.err
        assert "same profile" in said.err
        assert said.out == ""


def test_what_makes_runs_hard_to_compare_is_said() -> None:
    head = run_of().head
    other = head.model_copy(update={"profile": "full", "run_id": "other"})
    assert differing(head, other) == ["profile: quick → full"]


def test_a_record_is_found_by_id_by_its_beginning_and_by_folder(tmp_path: Path) -> None:
    for name in ("20270115T080000Z-1f3a", "20270116T080000Z-aaaa"):
        run_of().save(tmp_path / name)
    wanted = tmp_path / "20270115T080000Z-1f3a" / "results.json"
    assert find_record("20270115T080000Z-1f3a", tmp_path) == wanted
    assert find_record("20270115", tmp_path) == wanted
    assert find_record(str(wanted.parent), tmp_path) == wanted
    assert find_record(str(wanted), tmp_path) == wanted
    with pytest.raises(NoRecord, match="more than one"):
        find_record("202701", tmp_path)
    with pytest.raises(NoRecord, match="20270116T080000Z-aaaa"):
        find_record("1999", tmp_path)
