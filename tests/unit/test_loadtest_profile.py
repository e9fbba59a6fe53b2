"""Profiles are checked, and their errors say where and why."""

from pathlib import Path

import pytest

from loadtest import options, profile
from loadtest.plan import seconds, turns
from loadtest.profile import BadProfile, Changes
from loadtest.results import Experiment, Method
from loadtest.shop import ROOT
from loadtest.topics import Topic
from products_svc.catalogue.ids import IdKind
from waybill.algorithms import ALGORITHMS
from waybill.strategy import Strategy

SWEEP = """
[[sweep]]
experiment = "cost"
page_sizes = [10]
rates_per_s = [100]
duration_s = 1
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", profile.names())
def test_every_profile_of_the_lab_is_valid_and_explained(name: str) -> None:
    made = profile.load(name)
    assert made.name == name
    assert made.about
    assert made.rounds >= 3
    assert list(turns(made, seed=1))


def test_the_example_names_every_key() -> None:
    text = (profile.FOLDER / "example.toml").read_text()
    for key in profile.Sweep.model_fields:
        assert f"{key} = " in text


def test_quick_and_full_have_all_experiments() -> None:
    for name in ("quick", "full"):
        assert {sweep.experiment for sweep in profile.load(name).sweep} == set(Experiment)


def test_full_has_every_axis_and_every_algorithm() -> None:
    sweeps = profile.load("full").sweep
    assert {name for sweep in sweeps for name in sweep.algorithms} == set(ALGORITHMS)
    assert {kind for sweep in sweeps for kind in sweep.id_kinds} == set(IdKind)
    assert max(size for sweep in sweeps for size in sweep.page_sizes) == profile.MAX_PAGE_SIZE
    assert max(many for sweep in sweeps for many in sweep.grants) == profile.MAX_GRANTS
    for axis in ("orders_per_list", "users", "workers"):
        assert len({value for sweep in sweeps for value in getattr(sweep, axis)}) > 1


def test_full_takes_less_than_three_quarters_of_an_hour() -> None:
    assert seconds(profile.load("full")) < 40 * 60


def test_a_file_of_ones_own_is_named_after_the_file(tmp_path: Path) -> None:
    made = profile.load(written(tmp_path, "rounds = 1\n" + SWEEP))
    assert made.name == "mine"
    assert made.strategies == tuple(Strategy)
    assert made.sweep[0].called == (Method.VALIDATE,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rounds = 0" + SWEEP, r"rounds: .*greater than or equal to 1"),
        ("rounds = 1", "nothing is left to measure"),
        ("round = 1\nrounds = 1" + SWEEP, "round: Extra inputs are not permitted"),
        ("rounds = 1" + SWEEP + "grants = [2000000]", r"sweep\[0\].grants\[0\]: .*1000000"),
        ("rounds = 1" + SWEEP + 'id_kinds = ["isbn"]', r"id_kinds\[0\]: .*gtin13"),
        ("rounds = 1" + SWEEP + 'strategies = ["magic"]', r"strategies\[0\]: .*replica"),
        ("rounds = 1" + SWEEP + 'methods = ["ListProducts"]', "issue calls ListProducts"),
        ("rounds = 1" + SWEEP.replace("[100]", "[100, 200]"), "takes one rate"),
        ("rounds = 1" + SWEEP.replace("cost", "saturation"), "takes several rates"),
        (
            "rounds = 1" + SWEEP.replace("cost", "saturation").replace("[100]", "[200, 100]"),
            "must rise",
        ),
        ("rounds = ", "Invalid value"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BadProfile, match=problem) as failure:
        profile.load(written(tmp_path, text))
    assert "mine.toml" in str(failure.value)


def test_an_unknown_profile_tells_the_known_ones() -> None:
    with pytest.raises(BadProfile, match="example, full, quick, scale"):
        profile.load("fast")


def test_the_command_line_changes_axes_but_not_what_cliff_and_ramp_are_about() -> None:
    quick = profile.load("quick")
    made = quick.changed(
        Changes(strategies=(Strategy.REPLICA,), page_sizes=(7,), rate_per_s=50, rounds=1)
    )
    assert made.name == "quick, changed"
    by_experiment = {sweep.experiment: sweep for sweep in made.sweep}
    assert by_experiment[Experiment.COST].page_sizes == (7,)
    assert by_experiment[Experiment.COST].rates_per_s == (50,)
    old = {sweep.experiment: sweep for sweep in quick.sweep}
    kept = old[Experiment.CLIFF].model_copy(update={"rounds": None})
    assert by_experiment[Experiment.CLIFF] == kept
    assert {made.rounds_of(sweep) for sweep in made.sweep} == {1}
    assert (
        by_experiment[Experiment.SATURATION].rates_per_s == old[Experiment.SATURATION].rates_per_s
    )


@pytest.mark.parametrize("only", [(Topic.COST,), (Topic.STALENESS,), (Topic.SKEW, Topic.OUTAGE)])
def test_only_what_is_named_is_left(only: tuple[Topic, ...]) -> None:
    made = profile.load("quick").changed(Changes(only=only))
    assert set(made.topics) == set(only)


def test_experiments_that_are_named_are_those_of_cost() -> None:
    quick = profile.load("quick")
    assert set(quick.topics) == set(Topic)
    assert quick.changed(Changes(experiments=(Experiment.COLD,))).topics == (Topic.COST,)


def test_no_change_keeps_the_name() -> None:
    quick = profile.load("quick")
    assert quick.changed(Changes()) == quick


def test_nothing_left_is_an_error() -> None:
    quick = profile.load("quick")
    with pytest.raises(BadProfile, match="the command line: rounds"):
        quick.changed(Changes(rounds=0))


def test_the_page_on_benchmarks_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert (profile.FOLDER / "example.toml").read_text(encoding="utf-8") in page


def test_a_path_is_an_axis_of_cost_alone() -> None:
    changed = profile.load("quick").changed(profile.Changes(via=("direct", "mesh")))
    for sweep in changed.sweep:
        expected = ("direct", "mesh") if sweep.experiment is Experiment.COST else ("direct",)
        assert sweep.via == expected


def test_a_path_that_does_not_exist_is_told() -> None:
    with pytest.raises(profile.BadProfile, match="no hop 'squid'"):
        profile.load("quick").changed(profile.Changes(via=("squid",)))


def test_a_usage_error_is_not_buried_under_all_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.arguments(["--rate", "fast"], None)
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: python -m loadtest.compare")
    assert "--rate: invalid float value: 'fast'" in error
