"""One run of a profile: every cell in every round, on services that are there."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from loadtest import preflight
from loadtest.driver import CellFailed, Driver, GeneratorFailed
from loadtest.judging import keeps_up, nobody_answered, sample_of
from loadtest.plan import ShopKind, Turn
from loadtest.processes import StartFailed
from loadtest.progress import Progress
from loadtest.results import Failure, Head, Run, Sample
from loadtest.setting import Site
from loadtest.world import Job

OpenSite: TypeAlias = Callable[[ShopKind, Sequence[Turn], Path], AbstractContextManager[Site]]
"""Provides the services for turns that need the same kind, with their files in a folder."""

BROKEN = (StartFailed, preflight.NotReady, GeneratorFailed)
"""Nothing more can be measured on these services."""


class Comparison:
    """Keeps what is measured, also when it is stopped."""

    def __init__(self, head: Head, turns: Sequence[Turn], progress: Progress) -> None:
        self._head = head
        self._turns = turns
        self._progress = progress
        self._samples: list[Sample] = []
        self._failures: list[Failure] = []
        self._complete = True

    def run(self, open_site: OpenSite, folder: Path) -> Run:
        """Measure every cell; files go into `folder`. Ctrl-C ends it with what was measured so far.

        A cell that fails is recorded with the reason, and the others go on. Where services break,
        so are all cells that were left for them, and the run is not complete.

        Raises:
            StartFailed: a service did not start, and nothing was measured.
            NotReady: the services cannot do what is to be measured, and nothing was.
            GeneratorFailed: no cell could be driven.
        """
        try:
            for kind, turns in groupby(self._turns, key=lambda turn: ShopKind.of(turn.cell)):
                self._run_on(kind, deque(turns), open_site, folder)
        except KeyboardInterrupt:
            self._complete = False
        finally:
            self._progress.end()
        if self._failures and not self._samples:
            raise GeneratorFailed(self._failures[0].reason)
        return Run(
            head=self._head,
            complete=self._complete,
            samples=tuple(self._samples),
            failures=tuple(self._failures),
        )

    def _run_on(self, kind: ShopKind, left: deque[Turn], open_site: OpenSite, folder: Path) -> None:
        """Take all turns that need services of one kind."""
        home = folder / f"{kind.workers}-{kind.algorithm}"
        home.mkdir()
        try:
            with open_site(kind, tuple(left), home) as site:
                self._note(kind, site)
                preflight.check(site.world, left)
                with _driver(site, home / "generator.log") as driver:
                    while left:
                        self._take(left[0], driver, site)
                        left.popleft()
        except BROKEN as error:
            if not self._samples:
                raise
            self._complete = False
            self._failures += (_failure(turn, error) for turn in left)

    def _note(self, kind: ShopKind, site: Site) -> None:
        """Say in the head on which CPUs these services are kept."""
        if site.placement:
            affinity = self._head.affinity | site.placement.words(kind.workers)
            self._head = self._head.model_copy(update={"affinity": affinity})

    def _take(self, turn: Turn, driver: Driver, site: Site) -> None:
        self._progress.step(_name(turn), turn.seconds)
        try:
            for sample in self._measured(turn, driver):
                self._samples.append(sample)
        except CellFailed as error:
            _require_healthy(site, error)
            self._failures.append(_failure(turn, error))

    def _measured(self, turn: Turn, driver: Driver) -> Iterator[Sample]:
        """A sample for each load, up to the first that is too much."""
        for load in turn.loads:
            # One seed for all cells of a round: they get the same arrivals.
            job = Job(cell=turn.cell, load=load, seed=f"{self._head.seed}/{turn.round}")
            measured = driver.measure(job)
            if nobody_answered(measured):
                raise CellFailed(f"{job.cell.row}: the service stopped answering")
            sample = sample_of(turn, load, measured)
            yield sample
            if not keeps_up(sample):
                return


def _driver(site: Site, log: Path) -> Driver:
    cpus = site.placement.generator if site.placement else ()
    return Driver(site.world, site.environ, log, cpus)


def _require_healthy(site: Site, error: CellFailed) -> None:
    """A cell may fail, but not for want of services.

    Raises:
        GeneratorFailed: one of them is not there any more, or not healthy.
    """
    for target in (site.world.products_target, site.world.orders_target):
        if not preflight.becomes_healthy(target):
            raise GeneratorFailed(f"{error}; {target} is no longer healthy") from error


def _failure(turn: Turn, error: Exception) -> Failure:
    return Failure(
        cell=turn.cell,
        experiment=turn.experiment,
        round=turn.round,
        rate_per_s=turn.loads[0].rate_per_s,
        reason=str(error),
    )


def _name(turn: Turn) -> str:
    cell = turn.cell
    ids = f", {cell.ids:,} ids" if cell.ids else ""
    return f"round {turn.round + 1}: {turn.experiment}: {cell.row}, {cell.method}{ids}"
