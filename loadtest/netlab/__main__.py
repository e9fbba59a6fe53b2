"""`make netlab`: every part on a machine of its own, each cut off for a while.

    python -m loadtest.netlab [--seconds 4]

Products, two orders services, Valkey and NATS run in network namespaces of one switch; Locust's
master and workers in three more. One orders service follows products over NATS, the other by
products' own stream. Needs root and iproute2.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.netlab import locusts
from loadtest.netlab.locusts import HOLDING, LocustRun
from loadtest.netlab.network import Network, NoNetworks
from loadtest.netlab.parts import MACHINES, ORDERS, Parts
from loadtest.netlab.scenario import CUSTOMER, GRANTS, LOSER, Outcome, Products, Scenario, cuts
from loadtest.processes import StartFailed, run_program
from loadtest.stock import Stock
from waybill.strategy import Strategy

UNAVAILABLE = 1
LOCUST_S = 8
"""How long Locust loads; one of its machines is cut off for a quarter of that."""


def stock() -> Stock:
    """What the customers may order, and more than that."""
    loaded = dict.fromkeys(HOLDING.subjects, HOLDING.grants)
    return Stock(grants={CUSTOMER: GRANTS, LOSER: GRANTS, **loaded}, products=4 * GRANTS)


def chosen(parts: Parts) -> Products:
    """One that the first customer keeps, one that the other loses, one that nobody has."""
    mine, theirs = parts.stock.granted(CUSTOMER), parts.stock.granted(LOSER)
    everything = {each.product_id for each in parts.stock.catalogue()}
    return Products(mine[0], theirs[0], min(everything - set(mine) - set(theirs)))


def main(argv: Sequence[str] | None = None) -> int:
    """Make every cut and show what came of it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.netlab",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each cut")
    options = parser.parse_args(argv)
    console = Console(width=100)
    try:
        well = _went_well(options.seconds, console)
    except (NoNetworks, StartFailed) as problem:
        print(problem, file=sys.stderr)
        return UNAVAILABLE
    return 0 if well else 1


def _went_well(seconds: float, console: Console) -> bool:
    """Make every cut and show what came of it; whether that is as it must be."""
    with (
        Network(MACHINES) as network,
        tempfile.TemporaryDirectory(prefix="waybill-netlab-") as folder,
        Parts(network, Path(folder), stock()) as parts,
    ):
        outcomes = _outcomes(parts, seconds, console)
        loads = [
            _load(parts, Path(folder), machine, console)
            for machine in (locusts.WORKERS[1], locusts.MASTER)
        ]
    return all(each.went_well for each in outcomes) and all(each.whole for each in loads)


def _outcomes(parts: Parts, seconds: float, console: Console) -> Sequence[Outcome]:
    products, found = chosen(parts), []
    with Scenario(parts, products) as scenario:
        for name, cut in cuts(parts):
            console.print(f"{name} …", style="dim")
            found.append(scenario.run(name, cut, seconds))
    console.print(table(found, products.kept))
    return found


def _load(parts: Parts, folder: Path, cut_off: str, console: Console) -> LocustRun:
    """What Locust counts across a cut of one of its own machines."""
    of_its_own = folder / f"without-{cut_off}"
    of_its_own.mkdir()
    load = locusts.run(parts, of_its_own, LOCUST_S, parts.network.cut_off(cut_off))
    console.print(
        f"Locust, {cut_off} cut off for {LOCUST_S / 4:g} s: "
        f"{load.total_answered:,} answers at the master, "
        f"{' + '.join(f'{each:,}' for each in load.workers_answered)} at the workers"
    )
    return load


def table(outcomes: Sequence[Outcome], kept: str) -> Table:
    """One line a cut. Shares are of the orders that may be placed, at one orders / at the other."""
    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("cut", no_wrap=True)
    for head in ("wrong", "of", "back\nafter", *(each.replace("-", "\n") for each in Strategy)):
        grid.add_column(head, justify="right")
    for each in outcomes:
        shares = [_shares(each, strategy, kept) for strategy in Strategy]
        back = "never" if each.recovered_s is None else f"{each.recovered_s:.1f} s"
        grid.add_row(each.name, str(len(each.wrong)), f"{len(each.decisions):,}", back, *shares)
    return grid


def _shares(outcome: Outcome, strategy: Strategy, kept: str) -> str:
    return "/".join(f"{outcome.served(orders, strategy, kept):.0%}"[:-1] for orders in ORDERS)


if __name__ == "__main__":
    run_program(main)
