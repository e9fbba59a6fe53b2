"""`make bench`: what each step costs on its own.

python -m loadtest.bench
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest import provenance
from loadtest.bench import carried, looked_up, peers, revoked, stored
from loadtest.bench.contest import Contest
from loadtest.bench.durable import ROUND_S, DurableRate, durable_rates
from loadtest.bench.record import BenchRun, Timing, show
from loadtest.bench.timing import ROUNDS, race
from loadtest.processes import INTERRUPTED, run_program
from loadtest.progress import Progress
from loadtest.shop import ROOT
from loadtest.table import console
from products_svc.catalogue.ids import IdKind
from waybill.algorithms import ALGORITHMS, DEFAULT_ALGORITHM

RESULTS = ROOT / "build" / "bench"
SIZES = (10, 100, 1_000, 10_000)
KIND = IdKind.SKU
KINDS_SIZE = 1_000
"""The size at which the other id kinds are compared."""
OTHER_ALGORITHMS = tuple(name for name in ALGORITHMS if name != DEFAULT_ALGORITHM)
ALGORITHMS_SIZE = 100
"""The size at which they are compared, which is that of a page of products."""
STEPS = (
    *("issue", "check cold", "check warm", "read", "cache hit"),
    *(revoked.STEP, peers.ISSUE, peers.CHECK),
)


def points() -> list[tuple[int, IdKind]]:
    """Every size with one id kind, and one size with every other kind."""
    others = (kind for kind in IdKind if kind is not KIND)
    return [*((size, KIND) for size in SIZES), *((KINDS_SIZE, kind) for kind in others)]


def contests(folder: Path, seed: int) -> Iterator[Contest]:
    """All rows; what a row needs is open until the next one is asked for."""
    trade = carried.Trade()
    for ids, kind in points():
        yield from carried.contests(trade, ids, kind, seed)
    for algorithm in OTHER_ALGORITHMS:
        yield from carried.contests(carried.Trade(algorithm), ALGORITHMS_SIZE, KIND, seed)
    for ids in SIZES:
        with looked_up.contests(folder / f"replica-{ids}", ids, KIND, seed) as rows:
            yield from rows
        with stored.contests(folder / f"valkey-{ids}", ids, KIND, seed) as rows:
            yield from rows
    yield from revoked.contests()
    for ids in peers.SIZES:
        yield from peers.contests(ids, seed)


def row_count() -> int:
    """How many there will be, the durable orders counted as one."""
    signed = 9 * (len(points()) + len(OTHER_ALGORITHMS))
    unsigned = 5 * len(SIZES) + len(revoked.SIZES)
    return signed + unsigned + 2 * len(peers.PEERS) * len(peers.SIZES) + 1


class Benchmark:
    """One run; keeps what is measured, also when it is stopped."""

    def __init__(self, seed: int, rounds: int, progress: Progress) -> None:
        self._seed = seed
        self._rounds = rounds
        self._progress = progress
        self._timings: list[Timing] = []
        self._durable: list[DurableRate] = []
        self._begun = provenance.begun()

    def run(self, folder: Path) -> BenchRun:
        """Measure everything with files in `folder`; Ctrl-C ends it with what there is."""
        try:
            for contest in contests(folder, self._seed):
                self._progress.step(f"{contest.step}, {contest.strategy}, {contest.ids:,} ids")
                timed = race(
                    contest.operation, contest.floor, rounds=self._rounds, clock=contest.clock
                )
                self._timings.append(Timing.of(contest, timed))
            self._progress.step("durable orders")
            self._durable = durable_rates(folder, rounds=min(3, self._rounds), round_s=ROUND_S)
        except KeyboardInterrupt:
            return self._result(complete=False)
        finally:
            self._progress.end()
        return self._result(complete=True)

    def _result(self, *, complete: bool) -> BenchRun:
        return BenchRun(
            run_id=provenance.run_id(self._begun),
            begun=self._begun,
            seed=self._seed,
            commit=provenance.commit(),
            versions=provenance.versions(),
            machine=provenance.machine(),
            complete=complete,
            timings=tuple(sorted(self._timings, key=_order)),
            durable=tuple(self._durable),
        )


def _order(timing: Timing) -> tuple[int, str, bool, bool, int, str]:
    """Steps and strategies together, by size, the other id kinds and then algorithms last."""
    return (
        STEPS.index(timing.step),
        timing.strategy,
        timing.algorithm in OTHER_ALGORITHMS,
        timing.id_kind != KIND.value,
        timing.ids,
        timing.algorithm,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the records")
    options = parser.parse_args(argv)
    # On the disk of the results: a folder of temporary files may be in memory, which has no fsync.
    options.results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=options.results) as folder:
        run = Benchmark(options.seed, options.rounds, Progress(row_count())).run(Path(folder))
    show(run, console())
    print(f"Record: {run.save(options.results / run.run_id)}")
    return 0 if run.complete else INTERRUPTED


if __name__ == "__main__":
    run_program(main)
