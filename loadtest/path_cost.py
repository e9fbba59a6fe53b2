"""What it costs an order to pass the proxies of a path, beside the same order without them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.results import DIRECT, Cell, Experiment, Method
from loadtest.spread import Spread
from loadtest.summary import Row


@dataclass(frozen=True, slots=True)
class PathCost:
    """One path against none, over the strategies and sizes that were measured with both."""

    via: str
    """What stands in between, such as "mesh"."""
    waits_us: Spread
    """How much longer the median order takes."""
    proxies_us: Spread
    """CPU time of all proxies together for each order."""

    def __str__(self) -> str:
        return (
            f"Via {self.via} an order takes {self.waits_us.median:,.0f} µs longer (median; "
            f"{self.waits_us.low:,.0f} to {self.waits_us.high:,.0f} by strategy and size), and all "
            f"proxies together use {self.proxies_us.median:,.0f} µs of CPU for it, most of which a "
            "floor call over the same path uses too."
        )


def path_costs(rows: Sequence[Row]) -> Iterator[PathCost]:
    """The cost of each path, from checks of state that was seen before."""
    checks = {(row.cell, row.load): row for row in rows if _is_check(row)}
    for via in sorted({cell.via for cell, _ in checks} - {DIRECT}):
        pairs = [
            (row, checks[_direct(cell), load])
            for (cell, load), row in checks.items()
            if cell.via == via and (_direct(cell), load) in checks
        ]
        waits_us = [far.p50_us - near.p50_us for far, near in pairs if far.p50_us and near.p50_us]
        proxies_us = [far.proxies_us.median for far, _ in pairs if far.proxies_us]
        waits, proxies = Spread.of(waits_us), Spread.of(proxies_us)
        if waits and proxies:
            yield PathCost(via, waits, proxies)


def _is_check(row: Row) -> bool:
    checks = row.experiment is Experiment.COST and row.cell.method is Method.VALIDATE
    return checks and not (row.is_floor or row.broken or row.saturated)


def _direct(cell: Cell) -> Cell:
    return cell.model_copy(update={"via": DIRECT})
