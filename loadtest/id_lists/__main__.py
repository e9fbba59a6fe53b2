"""`make id-lists`: bytes of a list of ids by kind, size and encoding, and where each breaks.

python -m loadtest.id_lists
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest import provenance
from loadtest.id_lists.carried import Tokens, hops
from loadtest.id_lists.measure import crossings, list_sizes
from loadtest.id_lists.record import MEASURED, Crossing, IdListRun, ListSize
from loadtest.id_lists.show import show
from loadtest.id_lists.universes import CATALOGUE, universes
from loadtest.processes import INTERRUPTED
from loadtest.progress import Progress
from loadtest.shop import ROOT
from loadtest.table import console
from products_svc.catalogue.ids import IdKind

RESULTS = ROOT / "build" / "id-lists"
SIZES = (10, 100, 1_000, 10_000)


def measure(seed: int, list_lengths: Sequence[int], progress: Progress) -> IdListRun:
    """Measure everything; Ctrl-C ends it with what there is."""
    begun, sizes, crossed = provenance.begun(), list[ListSize](), list[Crossing]()
    complete, tokens = True, Tokens()
    try:
        for universe in universes(seed):
            progress.step(universe.kind)
            for length in list_lengths:
                sizes += list_sizes(universe, length, tokens)
            crossed += crossings(universe, hops(), tokens)
    except KeyboardInterrupt:
        complete = False
    finally:
        progress.end()
    return IdListRun(
        run_id=provenance.run_id(begun),
        begun=begun,
        seed=seed,
        commit=provenance.commit(),
        versions=provenance.versions(),
        machine=provenance.machine(),
        complete=complete,
        catalogue=CATALOGUE,
        sizes=tuple(sizes),
        crossings=tuple(crossed),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the record; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.id_lists",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the records")
    parser.add_argument("--update", action="store_true", help=f"write {MEASURED.name} as well")
    options = parser.parse_args(argv)
    run = measure(options.seed, SIZES, Progress(len(IdKind) + 1, every_s=0))
    show(run, console())
    print(f"Record: {run.save(options.results / run.run_id)}")
    if options.update and run.complete:
        print(f"Report's: {run.write(MEASURED)}")
    return 0 if run.complete else INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
