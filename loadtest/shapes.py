"""Load shapes for Locust: steady, in steps, and rising until the service no longer keeps up.

Each user of the lab has a rate of its own, so that a number of users is a rate.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from locust import LoadTestShape

from loadtest.judging import MIN_KEPT_UP
from loadtest.ramps import Progressed, Stage, kept_up, steady, steps

Tick = tuple[int, float]


class LabShape(LoadTestShape):
    """Follows stages that the options of the run describe."""

    abstract = True
    use_common_options = True  # takes the number of users and the time from them

    @property
    def environment(self) -> Any:
        """Locust's, with what the lab has put there."""
        assert self.runner is not None, "Locust sets it before a run"
        return self.runner.environment

    @property
    def options(self) -> Any:
        """Those of the run, as the page or the command line last said."""
        return self.environment.parsed_options

    @property
    def now_s(self) -> float:
        """Since the run began."""
        return cast("float", self.get_run_time())  # type: ignore[no-untyped-call]

    def stages(self) -> Iterable[Stage]:
        """How the load goes on."""
        raise NotImplementedError

    def tick(self) -> Tick | None:
        """Users now and how fast to start them; None ends the run."""
        now_s = self.now_s
        stage = next((each for each in self.stages() if now_s < each.until_s), None)
        return (stage.users, stage.users) if stage else None

    def users(self) -> int:
        """The most users."""
        return int(self.options.num_users or 1)


class SteadyShape(LabShape):
    """All users from the beginning, as long as the run time says."""

    def stages(self) -> Iterator[Stage]:
        return steady(self.users(), float(self.options.run_time or self.options.step_s))


class StepShape(LabShape):
    """Some more users with each step, up to all."""

    def stages(self) -> Iterator[Stage]:
        return steps(self.users(), int(self.options.step_users), float(self.options.step_s))


class SaturationShape(StepShape):
    """Steps up to all users, but ends after the first that the service did not keep up with."""

    _before = Progressed(0.0, 0)
    _users = 0

    def reset_time(self) -> None:
        super().reset_time()  # type: ignore[no-untyped-call]
        self._before, self._users = Progressed(0.0, 0), 0

    def tick(self) -> Tick | None:
        wanted = super().tick()
        if wanted is None or wanted[0] == self._users:
            return wanted
        keeps_up, self._users = self._kept_up(), wanted[0]
        return wanted if keeps_up else None

    def _kept_up(self) -> bool:
        """Judges the step that has just ended."""
        total = self.environment.reports.total()
        ok = sum(part.ok for part in total.values())
        before, self._before = self._before, Progressed(self.now_s, ok)
        asked_per_s = self._users * float(self.options.rate)
        return kept_up(before, self._before, asked_per_s, MIN_KEPT_UP)


SHAPES: dict[str, type[LabShape]] = {
    "steady": SteadyShape,
    "step": StepShape,
    "saturation": SaturationShape,
}


def shape_named(name: str, runner: Any) -> LabShape:
    """The shape of a name, for `runner`."""
    shape = SHAPES[name]()
    shape.runner = runner
    return shape
