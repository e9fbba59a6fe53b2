"""`make soak`: decisions by the hundred thousand, while processes are killed and paused at random.

    python -m loadtest.change.soak --decisions 100000 --seed 1

All strategies take part, first with state that counts until it expires, then with orders following
revocations. It ends with exit code 1 if a decision was beyond what its strategy states. The record
is kept in build/soak/.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from rich.text import Text

from loadtest import provenance
from loadtest.change.frame import ExperimentFailed
from loadtest.change.history import History
from loadtest.change.lanes import Lane, Revocation
from loadtest.change.misfortune import Misfortune
from loadtest.change.oracle import Contradiction, Verdict
from loadtest.change.outage.faults import WORKERS
from loadtest.change.staleness.knobs import StalenessKnobs
from loadtest.change.staleness.outcome import results
from loadtest.change.staleness.phase import Lab, staleness_shop
from loadtest.change.staleness.record import StalenessResult
from loadtest.change.staleness.show import staleness_parts
from loadtest.processes import StartFailed, run_program
from loadtest.shop import ROOT, Shop
from loadtest.table import console
from loadtest.values import Value
from waybill.strategy import Strategy

RESULTS = ROOT / "build" / "soak"
KNOBS = StalenessKnobs(customers=6, orders_per_s=45, changes_per_s=100)
LOOK_S = 1.0
"""How often decisions are counted."""
TELL_EVERY = 10
"""After how many looks the count is told."""


class SoakRun(Value):
    """The record of one soak."""

    run_id: str
    """The file's name."""
    begun: str
    """ISO 8601, UTC."""
    commit: str
    """Git commit."""
    seed: int
    """Of faults, orders and changes."""
    decided: int
    """Orders that were accepted, or refused for lack of a right."""
    faults: dict[str, int]
    """What was done how often."""
    results: tuple[StalenessResult, ...]
    """As in the comparison's record."""

    @property
    def broken(self) -> int:
        """Decisions beyond a stated bound."""
        return sum(each.broken for each in self.results)


class Soak:
    """One shop after the other, each until enough was decided."""

    def __init__(self, decisions: int, seed: int, revocations: Sequence[Revocation]) -> None:
        self._each = -(-decisions // len(revocations))
        self._revocations = revocations
        self._seed = seed
        self.decided = 0
        self.faults: Counter[str] = Counter()
        self.results: list[StalenessResult] = []

    def run(self, folder: Path) -> None:
        """Soak; what is known is in the attributes.

        Raises:
            StartFailed: a service did not start, or did not come back.
            ExperimentFailed: there was nobody left to harm.
            Contradiction: revisions do not rise with time.
        """
        for revocation in self._revocations:
            home = folder / revocation
            home.mkdir()
            lives = KNOBS.lifetimes
            with staleness_shop(
                home, lives, revocation, self._seed, workers=WORKERS, follower="process"
            ) as shop:
                self._soaked(shop, Lane.all_of(Strategy, lives, revocation))

    def _soaked(self, shop: Shop, lanes: Sequence[Lane]) -> None:
        misfortune = Misfortune(shop, self._seed)
        meanwhile = partial(self._until_decided, misfortune)
        phase = asyncio.run(Lab(shop, lanes, KNOBS, self._seed).run(meanwhile))
        self.decided += decided(phase.history)
        self.faults += misfortune.done
        self.results += results(phase)

    async def _until_decided(self, misfortune: Misfortune, history: History) -> None:
        harming = asyncio.create_task(misfortune.run())
        looks = 0
        while not harming.done() and decided(history) < self._each:
            if looks % TELL_EVERY == 0:
                print(f"{decided(history):,} of {self._each:,} decisions", file=sys.stderr)
            looks += 1
            await asyncio.sleep(LOOK_S)
        harming.cancel()
        with suppress(asyncio.CancelledError):
            await harming


def decided(history: History) -> int:
    """How many orders were decided at all."""
    return sum(each.decision.verdict is not Verdict.UNDECIDED for each in history.orders)


def record(soak: Soak, seed: int) -> SoakRun:
    """What is kept of it."""
    at = provenance.begun()
    return SoakRun(
        run_id=provenance.run_id(at),
        begun=at,
        commit=provenance.commit(),
        seed=seed,
        decided=soak.decided,
        faults=dict(soak.faults),
        results=tuple(soak.results),
    )


def show(run: SoakRun) -> None:
    """Print it."""
    out = console()
    for part in staleness_parts(run.results):
        out.print(part)
    told = ", ".join(f"{name} {count}" for name, count in sorted(run.faults.items()))
    out.print(Text(f"{run.decided:,} decided, seed {run.seed}. Faults: {told or 'none'}."))
    for each in run.results:
        for violation in each.violations:
            out.print(Text(f"{each.strategy}, {each.clients}: {violation}", style="red"))


def main(argv: Sequence[str] | None = None) -> int:
    """Soak; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.change.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--decisions", type=int, default=100_000, help="how many at least")
    parser.add_argument("--seed", type=int, default=1, help="of faults, orders and changes")
    parser.add_argument(
        "--revocation",
        type=Revocation,
        nargs="+",
        choices=list(Revocation),
        default=list(Revocation),
        help="what ends state that travels; both, one after the other, by default",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the record")
    options = parser.parse_args(argv)
    soak = Soak(options.decisions, options.seed, options.revocation)
    with tempfile.TemporaryDirectory(prefix="waybill-soak-") as folder:
        try:
            soak.run(Path(folder))
        except (StartFailed, ExperimentFailed, Contradiction) as error:
            print(f"The soak failed: {error}", file=sys.stderr)
            return 1
    run = record(soak, options.seed)
    show(run)
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{run.run_id}.json"
    path.write_text(run.model_dump_json(indent=1) + "\n", encoding="utf-8")
    print(f"\nRecord: {path}")
    return 1 if run.broken else 0


if __name__ == "__main__":
    run_program(main)
