"""`make crosscheck`: the comparison's figures against h2load and a packet capture.

    python -m loadtest.crosscheck

One strategy at one size: CPU time of the orders service for each order under our generator and
under h2load, which sends the same request at the same rate; and bytes for each order as the kernel
counts them for our generator, beside what tcpdump captured of the same calls. The service has a CPU
of its own for this, so that both generators meet it in the same state.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.affinity import Placement, available, pin
from loadtest.callers import PLACE_ORDER, Prepared
from loadtest.cpu import CpuMeter
from loadtest.crosscheck import h2load
from loadtest.crosscheck.capture import Capture
from loadtest.crosscheck.outcome import Outcome, markdown, of_rounds
from loadtest.crosscheck.tools import PACKAGES, ToolFailed, path_of
from loadtest.driver import Driver, GeneratorFailed
from loadtest.listing import full_page, listing_channel
from loadtest.processes import StartFailed, run_program
from loadtest.results import Cell, Load, Measured, Method, WireBytes
from loadtest.setting import Holding, lab_shop, world_of
from loadtest.wire import address_of
from loadtest.world import Job, World
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from waybill.metadata import Entry
from waybill.strategy import Strategy

CPU_BOUND = 0.10
BYTES_BOUND = 0.01
CUSTOMERS = 4


@dataclass(frozen=True, slots=True)
class Check:
    """What is checked, and against what."""

    world: World
    driver: Driver
    cell: Cell
    load: Load
    folder: Path

    @property
    def calls(self) -> int:
        """Calls of one round."""
        return round(self.load.rate_per_s * self.load.duration_s)

    def ours(self, number: int) -> Measured:
        """One round of our generator; it warms up in a job of its own."""
        return self.driver.measure(Job(cell=self.cell, load=self.load, seed=f"crosscheck/{number}"))

    def captured(self, number: int) -> tuple[Measured, WireBytes]:
        """The same with a packet capture around it."""
        with Capture(address_of(self.world.orders_target)[1], self.folder) as capture:
            measured = self.ours(number)
        return measured, capture.counted()

    def theirs_us(self) -> float:
        """CPU time of the orders service for each of h2load's calls, in microseconds."""
        metadata, message = self._request()
        meter = CpuMeter(self.world.pids)
        drive = h2load.Drive(
            target=self.world.orders_target,
            method=PLACE_ORDER,
            rate_per_s=round(self.load.rate_per_s),
            calls=self.calls,
            clients=CUSTOMERS,
        )
        before = meter.read()
        answered = h2load.run(drive, metadata, message, self.folder)
        return meter.since(before)["orders"] / answered * 1e6

    def _request(self) -> tuple[Sequence[Entry], bytes]:
        strategy = Strategy(self.cell.row)
        token = self.world.tokens(self.cell)[0]
        with listing_channel(self.world.products_target) as channel:
            page = full_page(channel, strategy, token, self.cell.ids)
        order = Prepared.of(page, page.product_ids[0])
        head = PlaceOrderRequest(
            request_id=f"{self.world.run_id}-000000-0000",
            lines=[OrderLine(product_id=order.product_id, quantity=1)],
            validate_only=True,
        )
        return order.metadata, head.SerializeToString() + order.tail


def keep_apart(world: World) -> None:
    """Give the orders service a CPU of its own, and the rest to whoever drives it.

    A heavy generator on the same CPU empties the service's caches and so makes it look dearer by
    some per cent than a light one does; apart, both see the same service.
    """
    placement = Placement.of(1, available())
    if placement:
        placement.keep(world.pids)
        pin([os.getpid()], placement.generator)  # what is started later inherits it


def outcomes(check: Check, rounds: int) -> list[Outcome]:
    """Run all rounds, ours and theirs in turn.

    Raises:
        ToolFailed: a tool is missing or failed.
        GeneratorFailed: a round of ours could not be driven.
    """
    check.ours(-1)  # warms connections and caches up
    ours, theirs, counted, captured = [], [], [], []
    for number in range(rounds):
        ours.append(check.ours(number).cpu_s["orders"] / check.calls * 1e6)
        theirs.append(check.theirs_us())
        measured, seen = check.captured(number)
        if measured.wire is None:
            raise ToolFailed("this system does not count bytes by connection")
        counted.append(measured.wire)
        captured.append(seen)
    what = f"{check.cell.row}, {check.cell.ids} ids, {check.load.rate_per_s:g}/s: "
    return [
        of_rounds(f"{what}orders CPU, µs an order", ours, "h2load", theirs, CPU_BOUND),
        _bytes(f"{what}bytes up an order", counted, captured, "up", check.calls),
        _bytes(f"{what}bytes down an order", counted, captured, "down", check.calls),
    ]


def _bytes(
    figure: str,
    counted: Sequence[WireBytes],
    captured: Sequence[WireBytes],
    direction: str,
    calls: int,
) -> Outcome:
    ours = [getattr(each, direction) / calls for each in counted]
    theirs = [getattr(each, direction) / calls for each in captured]
    return of_rounds(figure, ours, "tcpdump", theirs, BYTES_BOUND)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.crosscheck",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--strategy", type=Strategy, default=Strategy.MESSAGE_FIELD)
    parser.add_argument("--page-size", type=int, default=100, help="ids carried")
    parser.add_argument("--rate", type=int, default=200, help="calls a second")
    parser.add_argument("--duration", type=float, default=4.0, help="seconds a round")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args(argv)


def checked(options: argparse.Namespace, folder: Path) -> list[Outcome]:
    """Start a shop and a generator, and check.

    Raises:
        StartFailed, ToolFailed, GeneratorFailed: as they say.
    """
    cell = Cell(row=options.strategy.value, ids=options.page_size, method=Method.VALIDATE)
    load = Load(
        rate_per_s=options.rate,
        duration_s=options.duration,
        warm_up_s=0,
        users=CUSTOMERS,
        max_in_flight=256,
        favourites=1,
    )
    held = [Holding.of(cell, CUSTOMERS)]
    with lab_shop(folder, held, seed=1) as shop:
        world = world_of(shop, "crosscheck", held)
        keep_apart(world)
        with Driver(world, shop.environ, folder / "generator.log") as driver:
            return outcomes(Check(world, driver, cell, load, folder), options.rounds)


def main(argv: Sequence[str] | None = None) -> int:
    """Check, and print the table; returns the exit code."""
    options = arguments(argv)
    try:
        for tool in PACKAGES:
            path_of(tool)
        with tempfile.TemporaryDirectory(prefix="waybill-crosscheck-") as folder:
            found = checked(options, Path(folder))
    except (StartFailed, ToolFailed, GeneratorFailed) as error:
        print(f"The check failed: {error}", file=sys.stderr)
        return 2
    print(markdown(found), end="")
    return 0 if all(outcome.agrees for outcome in found) else 1


if __name__ == "__main__":
    run_program(main)
