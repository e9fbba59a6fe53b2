"""From revoke to refusal, for state that travels, with orders following revocations.

    python -m loadtest.revocation --seconds 20

Customers order what is given to them and taken away again, while 200 other changes happen each
second. Tells how long after its acknowledgement a revocation is refused for good, and whether that
is what the project promises. Figures of a busy machine say more about the machine.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from client.carriers.table import CARRIERS
from loadtest.change.lanes import Clients, Lane, Revocation
from loadtest.change.oracle import Contradiction
from loadtest.change.staleness.knobs import StalenessKnobs
from loadtest.change.staleness.outcome import results
from loadtest.change.staleness.phase import Lab, staleness_shop
from loadtest.change.staleness.record import StalenessResult, Times
from loadtest.colours import COLOURS
from loadtest.processes import StartFailed, run_program
from loadtest.table import console
from waybill.strategy import Strategy

TARGET_MS = 250.0
"""From the acknowledgement of a revoke to its refusal, 99 times of 100 at least."""

KNOBS = StalenessKnobs(
    customers=20,
    orders_per_s=20,
    changes_per_s=200,
    state_ttl_s=120,  # longer than the run, so that nothing is refused for having expired
    reference_cache_ttl_s=120,  # what was resolved is remembered, and only the watermark ends it
    dwell_s=(1.0, 2.0),
)


def measured(folder: Path, seconds: float, seed: int) -> list[StalenessResult]:
    """One result for each strategy whose state travels; the services write into `folder`.

    Raises:
        StartFailed: a service did not start.
        Contradiction: revisions do not rise with time.
    """
    shop = staleness_shop(folder, KNOBS.lifetimes, Revocation.WATERMARKS, seed)
    with shop:
        phase = asyncio.run(
            Lab(shop, lanes(), KNOBS, seed).run(lambda _history: asyncio.sleep(seconds))
        )
    return results(phase)


def lanes() -> list[Lane]:
    """Customers who list again once they are refused, so that the next change is theirs to see."""
    carried = [strategy for strategy in Strategy if CARRIERS[strategy].travels]
    every = Lane.all_of(carried, KNOBS.lifetimes, Revocation.WATERMARKS)
    return [lane for lane in every if lane.clients is Clients.REFRESH]


def judged(times: Times) -> str:
    """Whether the target was met."""
    if times.p99_ms is None:
        return "nothing seen"
    return "met" if times.p99_ms < TARGET_MS and not times.unseen else "missed"


def table(found: Sequence[StalenessResult]) -> Table:
    """The times of each strategy."""
    rate = found[0].changes_per_s if found else 0.0
    made = Table(
        title=f"revoke acknowledged to refused for good, ms, at {rate:,.0f} changes/s",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    for name in ("", "revokes", "unseen", "p50", "p99", "max", f"p99 < {TARGET_MS:g}"):
        made.add_column(name, justify="right" if name else "left")
    for each in found:
        times = each.revoke_to_refusal
        cells = (f"{ms:,.1f}" if ms is not None else "-" for ms in _three(times))
        counts = str(len(times.series_ms)), str(times.unseen)
        style = COLOURS.get(each.strategy, "")
        made.add_row(each.strategy, *counts, *cells, judged(times), style=style)
    return made


def _three(times: Times) -> tuple[float | None, ...]:
    return times.p50_ms, times.p99_ms, times.max_ms


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and tell; the exit code is 1 only if nothing could be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.revocation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="waybill-revocation-") as folder:
        try:
            found = measured(Path(folder), options.seconds, options.seed)
        except (StartFailed, Contradiction) as error:
            print(error, file=sys.stderr)
            return 1
    out = console()
    out.print(table(found))
    missed = [each.strategy for each in found if judged(each.revoke_to_refusal) != "met"]
    out.print(f"target missed: {', '.join(missed)}" if missed else "target met")
    return 0


if __name__ == "__main__":
    run_program(main)
