"""The experiments that are curves: throughput against rate, and refusals against size."""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from loadtest.judging import MIN_KEPT_UP
from loadtest.results import Experiment
from loadtest.summary import Row

_PADDING = (0, 2, 0, 0)


def curves(rows: Sequence[Row]) -> Iterator[Table | Text]:
    """A table for each of them that `rows` have."""
    saturation = [row for row in rows if row.experiment is Experiment.SATURATION]
    if saturation:
        yield Text("saturation: calls answered a second, and their median µs, at each rate asked")
        yield saturation_table(saturation)
    cliff = [row for row in rows if row.experiment is Experiment.CLIFF]
    if cliff:
        yield Text("cliff: refusals against the size of metadata")
        yield cliff_table(cliff)


def kept_up(row: Row) -> bool:
    """Whether every round was believed and the service was equal to the rate."""
    return not row.saturated_rounds and row.throughput_per_s >= MIN_KEPT_UP * row.requested_per_s


def saturation_table(rows: Iterable[Row]) -> Table:
    """A line for each strategy, a column for each rate. A mark says who was too slow."""
    by_row: dict[str, dict[float, Row]] = {}
    for row in rows:
        by_row.setdefault(row.cell.row, {})[row.requested_per_s] = row
    rates = sorted({rate for found in by_row.values() for rate in found})
    table = Table(box=None, padding=_PADDING, pad_edge=False)
    table.add_column("asked /s")
    for rate in rates:
        table.add_column(f"{rate:,.0f}", justify="right")
    for name, found in by_row.items():
        table.add_row(name, *(_point(found.get(rate)) for rate in rates))
    return table


def _point(row: Row | None) -> str:
    if row is None:
        return ""
    if row.saturated:
        return "generator"
    mark = "" if kept_up(row) else "!"
    return f"{row.throughput_per_s:,.0f}{mark} {row.p50_us or 0:,}"


def cliff_table(rows: Iterable[Row]) -> Table:
    """A line for each size."""
    table = Table(box=None, padding=_PADDING, pad_edge=False)
    for header in ("", "ids", "metadata bytes", "refused", "held back, median ms"):
        table.add_column(header, justify="right" if header else "left")
    for row in rows:
        share = sum(row.refused.values()) / max(row.answered, 1)
        held = f"{row.refused_p50_us / 1000:,.0f}" if row.refused_p50_us else ""
        sizes = (f"{row.cell.ids:,}", f"{row.request.metadata:,}")
        table.add_row(row.cell.row, *sizes, f"{share:.0%}", held)
    return table
