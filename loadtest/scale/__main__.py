"""`make scale`: what each strategy needs for a million and a hundred million users.

    python -m loadtest.scale [--grants 100000 1000000 10000000] [--rounds 3] [--write-docs]

Measures replicas of several sizes on this machine, takes the costs of orders and listings from the
record of a comparison, and prints what follows, each figure with its interval, and every
prediction that a measured point can check. `make compare PROFILE=scale` measures the most of them.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest import provenance
from loadtest.processes import run_program
from loadtest.results import Run, load_run
from loadtest.scale import page
from loadtest.scale.measure import MeasureFailed, measure, plans
from loadtest.scale.record import Replica, Scale, load_scale
from loadtest.shop import ROOT

SIZES = (100_000, 1_000_000, 10_000_000)
RATES_PER_S = (200, 2000, 20_000)
SECONDS_EACH = 5.0
ROUNDS = 3
RECORD = ROOT / "build" / "scale" / "latest.json"
RESULTS = ROOT / "build" / "compare" / "latest" / "results.json"
PAGE = ROOT / "docs" / "scaling.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, or take what was measured, and show it; the exit code."""
    options = _arguments(argv)
    try:
        run = load_run(options.results)
        scale = load_scale(options.record) if options.again else _measured(options)
    except (OSError, ValueError) as error:
        print(f"{error}\nmake compare makes the record that this is computed from", file=sys.stderr)
        return 2
    except MeasureFailed as error:
        print(error, file=sys.stderr)
        return 1
    return _show(run, scale, write_docs=options.write_docs)


def _show(run: Run, scale: Scale, *, write_docs: bool) -> int:
    try:
        print(page.text(run, scale))
    except ValueError as error:
        print(f"{run.head.run_id}: {error}; make compare PROFILE=scale has all", file=sys.stderr)
        return 2
    if write_docs:
        page.write(PAGE, run, scale)
        print(f"written into {PAGE.relative_to(ROOT)}")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--grants", type=int, nargs="+", default=SIZES, help="sizes of replicas")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured")
    parser.add_argument("--results", type=Path, default=RESULTS, help="a comparison's record")
    parser.add_argument("--record", type=Path, default=RECORD, help="where the replicas' is")
    parser.add_argument("--again", action="store_true", help="use that record, measure nothing")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into the docs")
    return parser.parse_args(argv)


def _measured(options: argparse.Namespace) -> Scale:
    found: list[Replica] = []
    for plan in plans(options.grants, RATES_PER_S, SECONDS_EACH) * options.rounds:
        print(f"a replica of {plan.grants:,} grants …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="waybill-scale-") as folder:
            found.append(measure(plan, Path(folder)))
    scale = Scale(
        begun=provenance.begun(),
        commit=provenance.commit(),
        machine=provenance.machine(),
        replicas=tuple(found),
    )
    scale.save(options.record)
    return scale


if __name__ == "__main__":
    run_program(main)
