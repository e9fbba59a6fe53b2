"""The frame that experiments under change run in."""

from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

import pytest

from loadtest import profile
from loadtest.change.frame import ChangeRun
from loadtest.change.record import UnderChange
from loadtest.change.skew.record import SkewResult
from loadtest.profile import Profile
from loadtest.progress import Progress
from loadtest.topics import Topic

SEED = 7
ONE = UnderChange(skew=(SkewResult(strategy="replica"),))
OTHER = UnderChange(skew=(SkewResult(strategy="reference"),))


class Fake:
    """Gives parts, and is stopped after them where it is told so."""

    def __init__(self, *parts: UnderChange, steps: int = 1, stopped: bool = False) -> None:
        self._parts = parts
        self._steps = steps
        self._stopped = stopped

    def planned(self, profile: Profile) -> Sequence[float]:
        return [1.0] * self._steps if profile.outage else []

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        assert list(folder.iterdir()) == []
        assert profile.outage
        assert seed == SEED
        progress.step("a step")
        yield from self._parts
        if self._stopped:
            raise KeyboardInterrupt


def changing(*fakes: Fake) -> ChangeRun:
    by_topic = dict(zip([Topic.OUTAGE, Topic.SKEW], fakes, strict=False))
    return ChangeRun(by_topic, profile.load("quick"), Progress(2, stream=StringIO()), seed=SEED)


def test_the_parts_of_all_experiments_are_kept(tmp_path: Path) -> None:
    run = changing(Fake(ONE, ONE), Fake(OTHER))
    assert run.run(tmp_path)
    assert run.found == ONE + ONE + OTHER


def test_what_was_given_before_a_stop_is_kept(tmp_path: Path) -> None:
    run = changing(Fake(ONE, stopped=True), Fake(OTHER))
    assert not run.run(tmp_path)
    assert run.found == ONE


def test_an_experiment_without_steps_is_not_run(tmp_path: Path) -> None:
    run = changing(Fake(ONE, steps=0), Fake(OTHER))
    assert run.run(tmp_path)
    assert run.found == OTHER


@pytest.mark.parametrize(("found", "empty"), [(UnderChange(), True), (ONE, False)])
def test_a_record_knows_whether_it_is_empty(found: UnderChange, empty: bool) -> None:
    assert found.empty is empty
