"""What an experiment under change is, and how those of a comparison run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from loadtest.change.record import UnderChange
from loadtest.profile import Profile
from loadtest.progress import Progress
from loadtest.topics import Topic


class ExperimentFailed(RuntimeError):
    """An experiment could not be carried out; the text says why. It is no finding."""


class ChangeExperiment(Protocol):
    """Changes something while orders flow, on services that it starts and stops itself."""

    def planned(self, profile: Profile) -> Sequence[float]:
        """Seconds that each of its steps takes, services' start included.

        `run` tells `progress` of as many steps. None where the profile does not want it.
        """
        ...

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        """Measure; files go into `folder`, which exists and is empty.

        It gives a part as soon as it is known, since only what was given is kept when the run is
        stopped.

        Raises:
            StartFailed: a service did not start.
            HopFailed, HopMissing: a proxy did not.
            ExperimentFailed: it could not be carried out.
        """
        ...


Experiments: TypeAlias = Mapping[Topic, ChangeExperiment]


class ChangeRun:
    """The experiments of one comparison, one after another. Keeps what is known if stopped."""

    def __init__(
        self, experiments: Experiments, profile: Profile, progress: Progress, seed: int
    ) -> None:
        self._experiments = experiments
        self._profile = profile
        self._progress = progress
        self._seed = seed
        self.found = UnderChange()
        """What is known so far."""

    def run(self, folder: Path) -> bool:
        """Run all of them; whether they came to their end. Ctrl-C stops them.

        Raises:
            StartFailed, HopFailed, HopMissing, ExperimentFailed: see `ChangeExperiment.run`.
        """
        try:
            for topic, experiment in self._experiments.items():
                self._run(experiment, folder / topic)
        except KeyboardInterrupt:
            return False
        finally:
            self._progress.end()
        return True

    def _run(self, experiment: ChangeExperiment, folder: Path) -> None:
        if experiment.planned(self._profile):
            folder.mkdir()
            for part in experiment.run(folder, self._progress, self._profile, self._seed):
                self.found += part
