"""One run of a profile: every cell in every round, on services that are there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeAlias

from loadtest import preflight
from loadtest.driver import Driver, GeneratorFailed
from loadtest.judging import keeps_up, nobody_answered, sample_of
from loadtest.plan import Turn
from loadtest.progress import Progress
from loadtest.results import Head, Measured, Run, Sample
from loadtest.setting import Place, Site, Sites
from loadtest.world import Job

OpenSites: TypeAlias = Callable[[Path], AbstractContextManager[Sites]]
"""Provides the services, with their files in a folder."""


class Comparison:
    """Keeps what is measured, also when it is stopped."""

    def __init__(self, head: Head, turns: Sequence[Turn], progress: Progress) -> None:
        self._head = head
        self._turns = turns
        self._progress = progress
        self._samples: list[Sample] = []

    def run(self, open_sites: OpenSites, folder: Path) -> Run:
        """Measure every cell; files go into `folder`. Ctrl-C ends it with what was measured so far.

        Raises:
            StartFailed: a service did not start.
            NotReady: the services cannot do what is to be measured.
            GeneratorFailed: a cell could not be driven.
        """
        try:
            with open_sites(folder) as sites, ExitStack() as stack:
                self._check(sites)
                self._measure(_drivers(sites, folder, stack))
        except KeyboardInterrupt:
            return self._result(complete=False)
        finally:
            self._progress.end()
        return self._result(complete=True)

    def _check(self, sites: Sites) -> None:
        for place, site in sites.items():
            of_site = [turn for turn in self._turns if Place.of(turn.cell) == place]
            preflight.check(site.world, of_site)

    def _measure(self, drivers: dict[Place, Driver]) -> None:
        for turn in self._turns:
            self._progress.step(_name(turn), turn.seconds)
            for sample in self._take(turn, drivers[Place.of(turn.cell)]):
                self._samples.append(sample)

    def _take(self, turn: Turn, driver: Driver) -> Iterator[Sample]:
        """A sample for each load, up to the first that is too much."""
        for load in turn.loads:
            # One seed for all cells of a round: they get the same arrivals.
            job = Job(cell=turn.cell, load=load, seed=f"{self._head.seed}/{turn.round}")
            sample = sample_of(turn, load, _answered(job, driver.measure(job)))
            yield sample
            if not keeps_up(sample):
                return

    def _result(self, *, complete: bool) -> Run:
        return Run(head=self._head, complete=complete, samples=tuple(self._samples))


def _drivers(sites: Sites, folder: Path, stack: ExitStack) -> dict[Place, Driver]:
    """A load generator for each site; the idle ones wait for standard input."""
    return {
        place: stack.enter_context(_driver(site, folder / f"generator-{number}.log"))
        for number, (place, site) in enumerate(sites.items(), start=1)
    }


def _driver(site: Site, log: Path) -> Driver:
    return Driver(site.world, site.environ, log)


def _answered(job: Job, measured: Measured) -> Measured:
    """What was measured, if there was a service to be measured."""
    if nobody_answered(measured):
        raise GeneratorFailed(f"{job.cell.row}: the service stopped answering; is it still there?")
    return measured


def _name(turn: Turn) -> str:
    cell = turn.cell
    ids = f", {cell.ids:,} ids" if cell.ids else ""
    return f"round {turn.round + 1}: {turn.experiment}: {cell.row}, {cell.method}{ids}"
