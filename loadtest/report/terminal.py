"""The verdict in a terminal: what it costs, what changes do to it, and when to choose which."""

from collections.abc import Iterator, Sequence

from rich.table import Table as Grid
from rich.text import Text

from loadtest.colours import COLOURS
from loadtest.report.points import Findings
from loadtest.report.tables import Column, Entry, Table, Tone
from loadtest.report.verdict import CHANGE, CHOICE, COST, verdict

_LEAST_WIDTH = 7
"""Of a column of figures: enough for its title in a few lines."""
_PHRASE_WIDTH = 18


def verdict_grids(findings: Findings) -> Iterator[Grid]:
    """The verdict as tables that wrap to the width of their console; none without data."""
    for questions, needed in ((COST, COST), (CHANGE, CHANGE), (CHOICE, COST)):
        answers = verdict(findings, needed)
        if len(answers.columns) > 1:
            yield _grid(verdict(findings, questions))


def _grid(table: Table) -> Grid:
    title = Text(f"{table.caption}:", style="bold")
    made = Grid(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    made.expand = True
    if not table.rows:
        return made
    columns = zip(table.columns, zip(*table.rows, strict=True), strict=True)
    for column, entries in columns:
        _add(made, column, [_lines(entry) for entry in entries])
    made.columns[-1].width, made.columns[-1].ratio = None, 1
    for row in table.rows:
        made.add_row(*map(_cell, row), style=COLOURS.get(row[0].row, ""))
    return made


def _lines(entry: Entry) -> str:
    """What stands between semicolons is a line of its own."""
    return entry.text.replace("; ", "\n")


def _cell(entry: Entry) -> Text:
    return Text(_lines(entry), style="bold red" if entry.tone is Tone.BAD else "")


def _add(grid: Grid, column: Column, texts: Sequence[str]) -> None:
    """Figures get the room they need, and words wrap where they are longer than a phrase."""
    longest = max(len(line) for text in texts for line in text.split("\n"))
    if column.figures:
        word = max(map(len, column.title.split()))
        width = max(longest, min(word, _LEAST_WIDTH))
        grid.add_column(column.title, justify="right", width=width)
        return
    word = max((len(word) for text in texts for word in text.split()), default=1)
    grid.add_column(column.title, width=max(word, min(longest, _PHRASE_WIDTH)))
