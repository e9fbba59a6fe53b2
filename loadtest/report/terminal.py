"""The verdict in a terminal: figures as a table, and below it when to choose which strategy."""

from collections.abc import Iterator, Sequence

from rich.table import Table as Grid
from rich.text import Text

from loadtest.colours import COLOURS
from loadtest.report.points import Findings
from loadtest.report.tables import Column, Entry, Table
from loadtest.report.verdict import CHOOSE, verdict

_LEAST_WIDTH = 7
"""Of a column of figures: enough for its title in a few lines."""
_PHRASE_WIDTH = 18
_PADDING = (0, 2, 0, 0)


def verdict_grids(findings: Findings) -> Iterator[Grid]:
    """The verdict as tables that wrap to the width of their console."""
    table = verdict(findings)
    titles = [column.title for column in table.columns]
    phrases = [titles.index(CHOOSE)] if CHOOSE in titles else []
    yield _figures(_without(table, phrases))
    for place in phrases:
        yield _phrases(table, place)


def _without(table: Table, places: Sequence[int]) -> Table:
    kept = [index for index in range(len(table.columns)) if index not in places]
    rows = [[row[index] for index in kept] for row in table.rows]
    return Table(table.caption, [table.columns[index] for index in kept], rows)


def _figures(table: Table) -> Grid:
    title = Text(f"{table.caption}:", style="bold")
    made = Grid(title=title, title_justify="left", box=None, padding=_PADDING, pad_edge=False)
    for column, entries in zip(table.columns, zip(*table.rows, strict=True), strict=False):
        _add(made, column, [entry.text for entry in entries])
    for row in table.rows:
        made.add_row(*(entry.text for entry in row), style=_style(row[0]))
    return made


def _add(grid: Grid, column: Column, texts: Sequence[str]) -> None:
    """Figures get the room they need, and words wrap where they are longer than a phrase."""
    longest = max(map(len, texts))
    if column.figures:
        word = max(map(len, column.title.split()))
        width = max(longest, min(word, _LEAST_WIDTH))
        grid.add_column(column.title, justify="right", width=width)
        return
    word = max((len(word) for text in texts for word in text.split()), default=1)
    grid.add_column(column.title, width=max(word, min(longest, _PHRASE_WIDTH)))


def _phrases(table: Table, place: int) -> Grid:
    made = Grid(box=None, padding=_PADDING, pad_edge=False, expand=True)
    made.add_column(table.columns[0].title, no_wrap=True)
    made.add_column(table.columns[place].title, ratio=1)
    for row in table.rows:
        made.add_row(row[0].text, row[place].text, style=_style(row[0]))
    return made


def _style(entry: Entry) -> str:
    return COLOURS.get(entry.row, "")
