"""The comparison as one table of 100 columns, in colour on a terminal and plain elsewhere."""
# ruff: noqa: RUF001 - the multiplication sign and the dash are meant

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.change import terminal
from loadtest.colours import COLOURS
from loadtest.curves import curves
from loadtest.notes import conditions, failures, notes
from loadtest.path_cost import path_costs
from loadtest.ranking import FEWEST_ROUNDS, MARGIN
from loadtest.report import journeys
from loadtest.report.points import Findings
from loadtest.report.terminal import verdict_grids
from loadtest.results import (
    Experiment,
    Head,
    Run,
)
from loadtest.spread import Spread
from loadtest.summary import Row, summarise
from loadtest.targets import judge_targets
from loadtest.titles import block_title, whole

WIDTH = 100

BLOCKS = frozenset({Experiment.JOURNEY, Experiment.COST, Experiment.COLD, Experiment.ISSUE})
"""Experiments that are shown cell by cell; the others are curves."""
_COLUMNS = (
    ("#", 1),
    ("", 13),
    ("got\n/s", 4),
    ("ok", 6),
    ("refused", 9),
    ("p50\nµs", 7),
    ("p99\nµs", 7),
    ("serve\nµs", 7),
    ("orders\nCPU µs", 6),
    ("prod.\nCPU µs", 7),
    ("CPU,\n× floor", 11),
    ("wire\nup", 5),
    ("wire\ndown", 5),
)
"""Header and width of each column; with one space between, `WIDTH` in all."""
_REFUSED_WIDTH = 9

_LEGEND = (
    f"#: rank by CPU time within a block, shared by those who are not told apart by their rounds "
    f"or differ by less than {MARGIN:.0%}; none for what was saturated or mostly refused, or has "
    f"fewer than {FEWEST_ROUNDS} rounds.",
    "got: calls sent a second. p50, p99: accepted calls from the intended start, which includes "
    "the generator's own lag; serve: median from the actual start.",
    "CPU µs: of the orders and the products process for each answered call, their idle work "
    "included, median of the rounds. × floor: orders, and what all others (products, the store of "
    "references) use beyond their idle work, over a bare health check on the orders process in the "
    "same round at the same rate: median ± half its 95 % interval; of fewer than six rounds, half "
    "their range.",
    "wire: bytes of the TCP stream for each answered call, with HTTP/2 framing and HPACK as they "
    "were, from the kernel's counters of the generator's own connections (TCP_INFO). Issuing is a "
    "block of its own (ListProducts), and so is checking state that was never seen before (cold).",
)


def console(stream: TextIO | None = None) -> Console:
    """A console of the table's width; colour only where `stream` is a terminal."""
    return Console(file=stream or sys.stdout, width=WIDTH, highlight=False)


def show(run: Run, out: Console) -> None:
    """Print the head line, the cells with verdict, notes and targets, and what changes did."""
    out.print(Text(headline(run.head), style="bold"))
    if not run.complete:
        out.print(Text("Stopped early: what was measured until then.", style="yellow"))
    for grid in verdict_grids(Findings.of(run)):
        out.print()
        out.print(grid)
    if run.samples or run.under_change.empty:
        _show_cost(run, out)
    for part in terminal.parts(run.under_change):
        out.print(part)


def _show_cost(run: Run, out: Console) -> None:
    for words in journeys.lines(Findings.of(run)):
        out.print(words, style="bold")
    rows = summarise(run.samples)
    for part in (*tables(row for row in rows if row.experiment in BLOCKS), *curves(rows)):
        out.print(part)
    for cost in path_costs(rows):
        out.print(Text(str(cost), style="bold"))
    for note in (*_LEGEND, *notes(rows), *conditions(run.samples)):
        out.print(Text(note, style="dim"))
    for note in failures(run.failures):
        out.print(Text(note, style="red"))
    for target in judge_targets(rows):
        out.print(Text(str(target), style="green" if target.met else "red"))


def headline(head: Head) -> str:
    """What was compared, in one sentence."""
    return (
        f"Waybill: ways to carry entitlements, {head.profile} profile, run {head.run_id}, "
        f"commit {head.commit}, seed {head.seed}, {head.machine.cpus} × {head.machine.cpu}, "
        f"one machine over loopback"
    )


def tables(rows: Iterable[Row]) -> Iterator[Table | Text]:
    """One block for each method and number of ids, all in the same columns; headers once."""
    header = True
    for _, group in groupby(rows, key=lambda row: row.block):
        block = list(group)
        part = _columns(header=header)
        for row in block:
            part.add_row(*_cells(row), style=COLOURS.get(row.cell.row, ""))
        yield Text(f"\n{block_title(block[0])}" if header else block_title(block[0]), style="bold")
        yield part
        header = False


def _columns(*, header: bool) -> Table:
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=header)
    for number, (name, width) in enumerate(_COLUMNS):
        side: Literal["left", "right"] = "left" if number < 2 else "right"
        made.add_column(name, justify=side, min_width=width, max_width=width)
    return made


def _cells(row: Row) -> Sequence[str]:
    return (
        str(row.rank or ""),
        row.cell.row,
        f"{row.achieved_per_s:.0f}",
        f"{row.ok:,}",
        _refused(row.refused),
        whole(row.p50_us),
        whole(row.p99_us),
        whole(row.service_p50_us),
        _middle(row.orders_us),
        _middle(row.products_us),
        _verdict(row),
        size(row.wire_up),
        size(row.wire_down),
    )


def _refused(refused: Mapping[str, int]) -> str:
    """Counts by code, each under its number; a long code breaks at its underscores."""
    lines = [line for code, count in refused.items() for line in (f"{count:,}", *_broken(code))]
    return "\n".join(lines) or "0"


def _broken(code: str) -> Iterator[str]:
    line = ""
    for word in code.split("_"):
        if line and len(line) + len(word) + 1 > _REFUSED_WIDTH:
            yield f"{line}_"
            line = word
        else:
            line = f"{line}_{word}" if line else word
    yield line


def _middle(spread: Spread | None) -> str:
    return "–" if spread is None else f"{spread.median:,.0f}"


def size(spread: Spread | None) -> str:
    """Bytes in five columns."""
    if spread is None:
        return "–"
    return f"{spread.median:,.0f}" if spread.median < 10_000 else f"{spread.median / 1000:,.0f}k"


def _verdict(row: Row) -> str:
    """The ratio, or why there is none to compare."""
    if row.saturated:
        return "saturated"
    return "breaks" if row.broken else _ratio(row.ratio)


def _ratio(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return f"{spread.median:.2f} ±{(spread.high - spread.low) / 2:.2f}"
