"""`make compare`: the strategies side by side, on this machine, in one table.

    python -m loadtest.compare

Starts both services on free ports, drives every cell in rounds, prints the table and keeps the
record in build/compare/<run-id>/results.json.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loadtest import provenance
from loadtest.driver import Driver, GeneratorFailed
from loadtest.judging import judged
from loadtest.plan import QUICK, Profile, Turn, turns
from loadtest.processes import StartFailed
from loadtest.progress import Progress
from loadtest.results import Head, Run, Sample
from loadtest.setting import LAB_ORDERS_ENV, LAB_PRODUCTS_ENV, lab_shop, world_of
from loadtest.shop import ROOT
from loadtest.summary import summarise
from loadtest.table import console, show
from loadtest.targets import judge_targets
from loadtest.world import Job
from waybill.strategy import Strategy

RESULTS = ROOT / "build" / "compare"
DEFAULT_SEED = 1
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Comparison:
    """One run of a profile; keeps what is measured, also when it is stopped."""

    def __init__(self, profile: Profile, seed: int, progress: Progress) -> None:
        self._profile = profile
        self._seed = seed
        self._progress = progress
        self._samples: list[Sample] = []
        at = provenance.begun()
        self.head = Head(
            run_id=provenance.run_id(at),
            begun=at,
            profile=profile.name,
            seed=seed,
            commit=provenance.commit(),
            versions=provenance.versions(),
            machine=provenance.machine(),
            settings={**LAB_PRODUCTS_ENV, **LAB_ORDERS_ENV},
        )

    def run(self, folder: Path) -> Run:
        """Start the services with their files in `folder`, and measure every cell.

        Ctrl-C ends it with what was measured so far.

        Raises:
            StartFailed: a service did not start.
            GeneratorFailed: a cell could not be driven.
        """
        try:
            self._measure(folder)
        except KeyboardInterrupt:
            return self._result(complete=False)
        finally:
            self._progress.end()
        return self._result(complete=True)

    def _measure(self, folder: Path) -> None:
        ids, users = self._profile.ids, self._profile.load.users
        with lab_shop(folder, ids, users, self._seed) as shop:
            world = world_of(shop, self.head.run_id, ids, users)
            with Driver(world, shop.environ, folder / "generator.log") as driver:
                for turn in turns(self._profile, self._seed):
                    self._samples.append(self._take(turn, driver))

    def _take(self, turn: Turn, driver: Driver) -> Sample:
        cell, load = turn.cell, self._profile.load
        self._progress.step(f"round {turn.round + 1}: {cell.row}, {cell.method}, {cell.ids:,} ids")
        # One seed for all cells of a round: they get the same arrivals.
        job = Job(cell=cell, load=load, seed=f"{self._seed}/{turn.round}")
        return judged(cell, turn.round, load, driver.measure(job))

    def _result(self, *, complete: bool) -> Run:
        return Run(head=self.head, complete=complete, samples=tuple(self._samples))


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.compare", description=__doc__)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--rounds", type=int, default=QUICK.rounds)
    parser.add_argument("--rate", type=float, default=QUICK.load.rate_per_s, help="calls a second")
    parser.add_argument("--duration", type=float, default=QUICK.load.duration_s, help="s a cell")
    parser.add_argument("--ids", type=int, nargs="+", default=list(QUICK.ids))
    parser.add_argument(
        "--strategies", type=Strategy, nargs="+", default=list(Strategy), choices=list(Strategy)
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the records")
    parser.add_argument("--gate", action="store_true", help="fail where a cost target is missed")
    return parser.parse_args(argv)


def profile_of(options: argparse.Namespace) -> Profile:
    """The quick profile with what the command line changes."""
    load = QUICK.load.model_copy(
        update={"rate_per_s": options.rate, "duration_s": options.duration}
    )
    changed = replace(
        QUICK,
        strategies=tuple(options.strategies),
        ids=tuple(options.ids),
        rounds=options.rounds,
        load=load,
    )
    return changed if changed == QUICK else replace(changed, name="quick, changed")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    options = arguments(argv)
    profile = profile_of(options)
    progress = Progress(len(list(turns(profile, options.seed))))
    comparison = Comparison(profile, options.seed, progress)
    try:
        with tempfile.TemporaryDirectory(prefix="waybill-compare-") as folder:
            run = comparison.run(Path(folder))
    except (StartFailed, GeneratorFailed) as error:
        print(f"The comparison failed, and nothing was recorded: {error}", file=sys.stderr)
        return 1
    if not run.samples:
        print("Stopped before anything was measured.", file=sys.stderr)
        return INTERRUPTED
    path = run.save(options.results / run.head.run_id)
    show(run, console())
    print(f"\nRecord: {path}")
    if not run.complete:
        return INTERRUPTED
    missed = [target for target in judge_targets(summarise(run.samples)) if not target.met]
    return 1 if options.gate and missed else 0


if __name__ == "__main__":
    sys.exit(main())
