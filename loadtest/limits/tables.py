"""The run as tables of 100 columns."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadtest.limits import fit_tables
from loadtest.limits.fit_tables import NOTHING, new_table
from loadtest.limits.notes import notes
from loadtest.limits.records import Direction, Limit, Measured, RandomRegion, Shape
from loadtest.limits.run import Run

COLUMNS = tuple(title for d in Direction for title in (f"{d}\none", "total", "n"))
SHAPES = (Shape.SINGLE, Shape.TOTAL, Shape.COUNT)
LEGEND = (
    "one: the largest value of one entry, in bytes. total: value bytes over 16 entries. n: entries",
    "of one byte. none: nothing was refused up to 1 MiB of request, 256 KiB of response, or 3,000",
    "entries. ~ chance or timing decides, and up to there all passed. Beside the values a header",
    "holds the call's own entries, and names count as well: mesh/limits.json has each one's rule.",
)


def show(run: Run, out: Console, *, verbose: bool = False) -> None:
    """Print all tables, and what to know."""
    out.print(Text(headline(run), style="bold"))
    out.print(limits_table(run.measured))
    _lines(out, LEGEND, "dim")
    for measured in run.measured:
        for region in measured.regions:
            out.print(region_table(measured.name, region))
    if run.weights:
        out.print(fit_tables.weights_table(run.weights))
    for table in fit_tables.fits_tables(run.fits):
        out.print(table)
    out.print(Text("\nWhat callers see", style="bold"))
    for measured in run.measured:
        out.print(Text(f"{measured.name} {measured.version}", style="bold"))
        for note in notes(measured, verbose=verbose):
            style = "red" if note.startswith("WORST") else ""
            out.print(Padding(Text(note, style=style), (0, 0, 0, 2)))


def headline(run: Run) -> str:
    """What was measured, where and when."""
    return f"How long is too long: {run.begun}, commit {run.commit}, {run.machine['platform']}"


def limits_table(measured: Iterable[Measured]) -> Table:
    """One row for each subject, in three groups of columns."""
    table = new_table("\nLargest metadata that passes", 19)
    for title in COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    for one in measured:
        if one.not_measured and not one.limits:
            table.add_row(one.name, "not measured", style="dim")
            continue
        table.add_row(one.name, *_cells(one), style="dim" if ":tuned" in one.name else "")
    return table


def region_table(name: str, region: RandomRegion) -> Table:
    """Points of a random region beside the documented rule."""
    title = f"\nRefused at random: {name}, {region.direction}"
    table = new_table(title, 16, "header list bytes")
    for column in ("calls", "refused", "95 % interval", "documented rule", "fits"):
        table.add_column(column, justify="right")
    for point in region.points:
        table.add_row(
            f"{point.list_bytes:,}",
            str(point.tries),
            f"{point.share:.0%}",
            f"{point.low:.0%} to {point.high:.0%}",
            f"{point.predicted:.0%}",
            "yes" if point.fits else "no",
        )
    table.caption = _region_caption(region)
    table.caption_justify = "left"
    return table


def _cells(measured: Measured) -> Iterator[str]:
    for direction in Direction:
        region = next((one for one in measured.regions if one.direction is direction), None)
        for shape in SHAPES:
            limit = measured.limit(direction, shape)
            if limit is None and region is not None and shape is Shape.TOTAL:
                yield f"~{region.stated_soft or region.fitted_soft:,}"
            else:
                yield _limit_cell(limit)


def _limit_cell(limit: Limit | None) -> str:
    if limit is None:
        return NOTHING
    if limit.at_least:
        return "none"
    return f"{'~' * limit.random}{limit.largest:,}"


def _region_caption(region: RandomRegion) -> str:
    fitted = f"fitted {region.fitted_soft:,} to {region.fitted_hard:,}"
    stated = f"refusals state {region.stated_soft or 0:,} and {region.stated_hard or 0:,}"
    held = ", ".join(f"{ms:,.0f}" for ms in region.held_ms)
    return f"{fitted}; {stated}; held back for ms (least, half, 95 %, most): {held or 'none'}"


def _lines(out: Console, lines: Iterable[str], style: str) -> None:
    for line in lines:
        out.print(Text(line, style=style))
