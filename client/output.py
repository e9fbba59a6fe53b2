"""Reports and problems on the screen: JSON, tables on a terminal, plain aligned text elsewhere."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from client.problems import Problem
from client.report import Block, Facts, Line, Report, Table
from client.words import clean

GAP = "  "


@dataclass(frozen=True, slots=True)
class Screen:
    """Where results and errors go; whether each is a terminal, and how wide, its console knows."""

    out: Console
    err: Console
    as_json: bool = False

    def show(self, report: Report) -> None:
        """Show a result."""
        if self.as_json:
            _write_json(self.out, report.document)
        else:
            _show_blocks(self.out, report.blocks)

    def show_problem(self, problem: Problem) -> None:
        """Show an error."""
        if self.as_json:
            _write_json(self.err, {"error": problem.document()})
        else:
            _show_blocks(self.err, _problem_blocks(problem), style="red")


def _write_json(console: Console, document: Mapping[str, object]) -> None:
    print(json.dumps(document, indent=2), file=console.file)


def _show_blocks(console: Console, blocks: Iterable[Block], style: str = "") -> None:
    """The first line may have a colour; it repeats what the text says."""
    for number, block in enumerate(blocks):
        if not console.is_terminal:
            print(*_plain(block), sep="\n", file=console.file)
        else:
            console.print(_rich(block, "" if number else style), highlight=False)


def _problem_blocks(problem: Problem) -> list[Block]:
    origin = f"from {problem.peer}" if problem.peer else ""
    title = " ".join(filter(None, (problem.code, problem.reason, origin)))
    blocks: list[Block] = [Line(title), Line(problem.message)]
    facts = [*problem.violations.items(), *problem.facts.items()]
    if problem.request_id:
        facts.append(("x-request-id", problem.request_id))
    if facts:
        blocks.append(Facts(facts))
    return [*blocks, Line(f"What to do: {problem.advice}")]


def _plain(block: Block) -> list[str]:
    match block:
        case Line(text):
            return [clean(text)]
        case Facts(pairs):
            return _aligned([(f"{name}:", clean(value)) for name, value in pairs], (False, False))
        case Table(columns, rows, empty):
            if not rows:
                return [empty]
            titles = [column.title for column in columns]
            cells = [titles, *([clean(cell) for cell in row] for row in rows)]
            return _aligned(cells, [column.right for column in columns])
        case _:
            assert_never(block)


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _rich(block: Block, style: str) -> RenderableType:
    match block:
        case Line(text):
            return Text(clean(text), style=style)
        case Facts(pairs):
            return _rich_facts(pairs)
        case Table():
            return _rich_table(block) if block.rows else Text(block.empty)
        case _:
            assert_never(block)


def _rich_facts(pairs: Iterable[tuple[str, str]]) -> RichTable:
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(Text(name), Text(clean(value)))
    return grid


def _rich_table(block: Table) -> RichTable:
    table = RichTable(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in block.columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in block.rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table
