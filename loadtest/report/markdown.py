"""The report's tables as Markdown."""

from collections.abc import Iterator

from loadtest.report import head, raw
from loadtest.report.points import Findings
from loadtest.report.promises import promises
from loadtest.report.sections import sections
from loadtest.report.tables import Table
from loadtest.report.verdict import verdict


def markdown(findings: Findings) -> str:
    """The whole report, without its pictures."""
    return "\n".join(_lines(findings)) + "\n"


def _lines(findings: Findings) -> Iterator[str]:
    run = findings.run
    yield f"# Waybill: comparison {run.head.run_id}\n\n{head.sentence(findings)}\n"
    yield from (f"- {name}: {value}" for name, value in head.facts(run.head))
    yield "\n## Verdict\n"
    yield of_table(verdict(findings))
    yield from (
        f"- {'kept' if kept else 'NOT KEPT'}: {words}" for words, kept in promises(findings)
    )
    yield "\nWhat this run cannot say:\n"
    yield from (f"- {each}" for each in head.caveats(findings))
    for section in sections(findings):
        yield f"\n## {section.title}\n\n{section.lead}"
        for figure in section.figures:
            yield f"\n### {figure.title}\n\n{figure.caption}\n"
            yield of_table(figure.table)
    yield "\n## Method and raw data\n"
    yield from (f"- {each}" for each in head.conduct(run))
    yield ""
    yield of_table(raw.cells(findings))


def of_table(table: Table) -> str:
    """One table with its caption above."""
    heads = [column.title for column in table.columns]
    sides = ["---:" if column.figures else "---" for column in table.columns]
    rows = [[entry.text for entry in row] for row in table.rows]
    lines = (_row(cells) for cells in (heads, sides, *rows))
    return f"{table.caption}:\n\n" + "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
