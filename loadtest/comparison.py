"""One run of a profile: every cell in every round, on services that are there."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
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
from loadtest.setting import Site, Sites
from loadtest.world import Job
from mesh.hop import HopFailed, HopMissing

OpenSites: TypeAlias = Callable[[ShopKind, Sequence[Turn], Path], AbstractContextManager[Sites]]
"""Provides the services for turns that need the same kind, with their files in a folder."""

BROKEN = (StartFailed, preflight.NotReady, GeneratorFailed, HopMissing, HopFailed)
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

    def run(self, open_sites: OpenSites, folder: Path) -> Run:
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
                self._run_on(kind, deque(turns), open_sites, folder)
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

    def _run_on(
        self, kind: ShopKind, left: deque[Turn], open_sites: OpenSites, folder: Path
    ) -> None:
        """Take all turns that need services of one kind."""
        home = folder / kind.name
        home.mkdir()
        try:
            with open_sites(kind, tuple(left), home) as sites, ExitStack() as stack:
                self._prepare(kind, sites, left)
                drivers = _drivers(sites, home, stack)
                while left:
                    via = left[0].cell.via
                    self._take(left[0], drivers[via], sites[via])
                    left.popleft()
        except BROKEN as error:
            if not self._samples:
                raise
            self._complete = False
            self._failures += (_failure(turn, error) for turn in left)

    def _prepare(self, kind: ShopKind, sites: Sites, turns: Iterable[Turn]) -> None:
        """Check the services, and say in the head on which CPUs they are kept."""
        for via, site in sites.items():
            preflight.check(site.world, [turn for turn in turns if turn.cell.via == via])
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


def _drivers(sites: Sites, folder: Path, stack: ExitStack) -> dict[str, Driver]:
    """A load generator for each site; the idle ones wait for standard input."""
    return {
        via: stack.enter_context(_driver(site, folder / f"generator-{number}.log"))
        for number, (via, site) in enumerate(sites.items(), start=1)
    }


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
