"""The verdict in a terminal."""

from rich.table import Table as Grid
from rich.text import Text

from loadtest.colours import COLOURS
from loadtest.report.points import Findings
from loadtest.report.tables import Column, Table
from loadtest.report.verdict import verdict

_NAME_WIDTH = 13
_FIGURE_WIDTH = 13
_WORDS_WIDTH = 20


def verdict_grid(findings: Findings) -> Grid:
    """The verdict as a table that wraps to the width of its console."""
    return _grid(verdict(findings))


def _grid(table: Table) -> Grid:
    title = Text(f"{table.caption}:", style="bold")
    made = Grid(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, column in enumerate(table.columns):
        _add(made, column, first=number == 0)
    for row in table.rows:
        made.add_row(*(entry.text for entry in row), style=COLOURS.get(row[0].row, ""))
    return made


def _add(grid: Grid, column: Column, *, first: bool) -> None:
    if first:
        grid.add_column("", min_width=_NAME_WIDTH, no_wrap=True)
    elif column.figures:
        grid.add_column(column.title, justify="right", max_width=_FIGURE_WIDTH)
    else:
        grid.add_column(column.title, min_width=_WORDS_WIDTH)
