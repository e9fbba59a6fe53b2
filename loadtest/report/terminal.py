"""The verdict in a terminal."""

from collections.abc import Sequence

from rich.table import Table as Grid
from rich.text import Text

from loadtest.colours import COLOURS
from loadtest.report.points import Findings
from loadtest.report.tables import Column, Table
from loadtest.report.verdict import verdict

_LEAST_WIDTH = 8
"""Of a column of figures: enough for its title in a few lines."""
_PHRASE_WIDTH = 18


def verdict_grid(findings: Findings) -> Grid:
    """The verdict as a table that wraps to the width of its console."""
    return _grid(verdict(findings))


def _grid(table: Table) -> Grid:
    title = Text(f"{table.caption}:", style="bold")
    made = Grid(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    made.expand = True
    if not table.rows:
        return made
    columns = zip(table.columns, zip(*table.rows, strict=True), strict=True)
    for column, entries in columns:
        _add(made, column, [entry.text for entry in entries])
    made.columns[-1].width, made.columns[-1].ratio = None, 1
    for row in table.rows:
        made.add_row(*(entry.text for entry in row), style=COLOURS.get(row[0].row, ""))
    return made


def _add(grid: Grid, column: Column, texts: Sequence[str]) -> None:
    """Figures get the room they need, and words wrap where they are longer than a phrase."""
    longest = max(map(len, texts))
    if column.figures:
        grid.add_column(column.title, justify="right", width=max(longest, _LEAST_WIDTH))
        return
    word = max((len(word) for text in texts for word in text.split()), default=1)
    grid.add_column(column.title, width=max(word, min(longest, _PHRASE_WIDTH)))
