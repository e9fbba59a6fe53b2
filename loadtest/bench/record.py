"""The record of one benchmark run, and its table."""
# ruff: noqa: RUF001 - the multiplication sign is meant

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.bench.contest import Contest
from loadtest.bench.durable import CALLERS, DurableRate
from loadtest.bench.timing import Race
from loadtest.results import Machine


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Timing(_Value):
    """One row: median microseconds of a call and of its floor, and their ratio over the rounds."""

    step: str
    strategy: str
    ids: int
    id_kind: str
    size_bytes: int
    us: float
    low_us: float
    high_us: float
    floor_name: str
    floor_us: float
    ratio: float
    ratio_low: float
    ratio_high: float
    algorithm: str = ""
    """Of the signing key; empty where nothing is signed, and in records of other libraries."""

    @classmethod
    def of(cls, contest: Contest, race: Race) -> "Timing":
        """The row of a contest that was timed."""
        return cls(
            step=contest.step,
            strategy=contest.strategy,
            ids=contest.ids,
            id_kind=contest.id_kind,
            size_bytes=contest.size_bytes,
            us=race.operation_us.median,
            low_us=race.operation_us.low,
            high_us=race.operation_us.high,
            floor_name=contest.floor_name,
            floor_us=race.floor_us.median,
            ratio=race.ratio.median,
            ratio_low=race.ratio.low,
            ratio_high=race.ratio.high,
            algorithm=contest.algorithm,
        )


class BenchRun(_Value):
    """One run. `complete` is false where it was stopped early."""

    format: Literal["waybill-bench/1"] = "waybill-bench/1"
    run_id: str
    begun: str
    seed: int
    commit: str
    versions: dict[str, str]
    machine: Machine
    complete: bool
    timings: tuple[Timing, ...]
    durable: tuple[DurableRate, ...]

    def save(self, folder: Path) -> Path:
        """Write `results.json` into `folder`, which is made, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "results.json"
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


_COLUMNS: Sequence[tuple[str, Literal["left", "right"], int]] = (
    ("step", "left", 12),
    ("strategy", "left", 13),
    ("ids", "right", 6),
    ("id kind", "left", 7),
    ("bytes", "right", 9),
    ("µs", "right", 9),
    ("± µs", "right", 7),
    ("floor", "left", 14),
    ("µs", "right", 7),
    ("× floor", "right", 7),
)


def show(run: BenchRun, out: Console) -> None:
    """Print the run within the console's 100 columns."""
    out.print(
        Text(
            f"Waybill: what each step costs, run {run.run_id}, commit {run.commit}, seed "
            f"{run.seed}, {run.machine.cpus} × {run.machine.cpu}\n",
            style="bold",
        )
    )
    if not run.complete:
        out.print(Text("Stopped early: what was measured until then.", style="yellow"))
    out.print(_timings(run.timings))
    out.print(Text.assemble("\n", *_durable(run.durable)))
    for note in _NOTES:
        out.print(Text(note, style="dim"))


_NOTES = (
    "µs: CPU time of one call, median of the rounds, ± half their range; × floor: median ratio to",
    "the primitive timed in the same rounds over as many bytes. cold: signature and decoding;",
    "warm: found by digest. reference: its issue and cold check wait for a server on loopback, as",
    "their floors do, so there it is elapsed time. The floor names the algorithm of the key.",
    "bytes: header list size or serialised envelope. Check and look-up answer for one product.",
    "revoked?: what following revocations adds to a check; ids are subjects that lost something.",
)


def _timings(timings: Sequence[Timing]) -> Table:
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name, side, width in _COLUMNS:
        made.add_column(name, justify=side, min_width=width, max_width=width)
    for _, group in groupby(timings, key=lambda timing: (timing.step, timing.strategy)):
        for timing in group:
            made.add_row(*_cells(timing))
        made.add_section()
    return made


def _cells(timing: Timing) -> Sequence[str]:
    return (
        timing.step,
        timing.strategy,
        f"{timing.ids:,}",
        timing.id_kind,
        f"{timing.size_bytes:,}" if timing.size_bytes else "–",
        _us(timing.us),
        _us((timing.high_us - timing.low_us) / 2),
        timing.floor_name,
        _us(timing.floor_us),
        f"{timing.ratio:.2f}" if timing.ratio < 100 else f"{timing.ratio:.0f}",
    )


def _us(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def _durable(rates: Sequence[DurableRate]) -> Iterator[str]:
    yield f"Durable writes a second, {CALLERS} callers at once:\n"
    for rate in rates:
        yield f"  {rate.name:32} {rate.per_s:>9,.0f}  ({rate.low:,.0f} to {rate.high:,.0f})\n"
