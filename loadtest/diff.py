"""What changed between two runs beyond the noise, and whether they rank the strategies alike.

    python -m loadtest.diff A B

A and B are runs: an id, the beginning of one, a folder, or a record. docs/results.md says what
counts as noise, and why. The exit code is 0 where nothing changed beyond it and no two strategies
changed places, otherwise 1; 2 where there is no such run, or no cell in common. With --gate it is 1
only where something got worse.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from math import expm1

from rich.table import Table as Grid
from rich.text import Text

from loadtest.changes import Change, Comparison, Figure, compare
from loadtest.colours import COLOURS
from loadtest.ranking import FEWEST_ROUNDS
from loadtest.rankings import Rankings, rankings
from loadtest.records import NoRecord, find_record
from loadtest.report.numbers import spread
from loadtest.results import Head, Run, load_run
from loadtest.table import console


def differing(before: Head, after: Head) -> list[str]:
    """What makes the runs hard to compare, one line each."""
    one, other = before.model_dump(mode="json"), after.model_dump(mode="json")
    usual = {"run_id", "begun"}
    return [
        f"{name}: {one[name]} → {other[name]}"
        for name in one
        if name not in usual and one[name] != other[name]
    ]


def grid(changes: Sequence[Change]) -> Grid:
    """The changes as a table, worse ones in red."""
    made = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
    made.add_column("", no_wrap=True)
    made.add_column("cell", ratio=1)
    made.add_column("figure", no_wrap=True)
    for title in ("A", "B", "change"):
        made.add_column(title, justify="right", no_wrap=True)
    for change in changes:
        key = change.key
        row = Text(key.cell.row, COLOURS.get(key.cell.row, ""))
        moved = Text(change.words, "red" if change.worse else "green")
        sides = (spread(change.before), spread(change.after))
        made.add_row(row, str(key), change.figure.name, *sides, moved)
    return made


def lines(a: Run, b: Run, found: Comparison, ranked: Rankings) -> list[str]:
    """What to know beside the table."""
    said = [*ranked.lines(), *_furthest(found)]
    said += [f"A: {a.head.run_id}, {a.head.commit}. B: {b.head.run_id}, {b.head.commit}."]
    said += [f"Differs: {each}" for each in differing(a.head, b.head)]
    worse = sum(change.worse for change in found.changes)
    said.append(
        f"{found.compared} figures compared: {worse} worse, {len(found.changes) - worse} better, "
        f"{found.compared - len(found.changes)} within the noise."
    )
    noise = ", ".join(f"{figure.name} {_percent(figure, found)}" for figure in found.noise)
    said.append(f"Smallest change that counts: {noise or 'none'}.")
    if found.short:
        said.append(
            f"{found.short} cells have fewer than {FEWEST_ROUNDS} rounds in one of the runs: only "
            "their bytes and shares were compared."
        )
    if found.unmatched:
        said.append(f"{found.unmatched} cells are in one run only: left out.")
    return said


def _nothing_in_common(a: Run, b: Run) -> str:
    """Why no figure was compared, and what to do."""
    said = ["The runs have no cell in common, so nothing was compared."]
    said += [f"{run.head.run_id} has no cells at all." for run in (a, b) if not run.samples]
    said += [f"Differs: {each}" for each in differing(a.head, b.head)]
    said.append("Measure both with the same profile, page sizes, rate and path.")
    return "\n".join(said)


def _furthest(found: Comparison) -> Iterator[str]:
    """How far ratios to the floor differ."""
    of = (
        ("Ratios to the floor differ by at most", found.furthest),
        ("Of those that are ranked, by at most", found.furthest_ranked),
    )
    for words, change in of:
        if change:
            factor = expm1(change.distance)
            yield f"{words} {factor:.1%}: {change.key.cell.row}, {change.key}."


def _percent(figure: Figure, found: Comparison) -> str:
    distance = found.noise[figure]
    return f"{distance if figure.share else expm1(distance):.0%}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.diff",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", help="the run before")
    parser.add_argument("b", help="the run after")
    parser.add_argument("--gate", action="store_true", help="fail only where something got worse")
    options = parser.parse_args(argv)
    try:
        a, b = (load_run(find_record(name)) for name in (options.a, options.b))
    except (NoRecord, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    found, ranked = compare(a, b), rankings(a, b)
    if not found.compared:
        print(_nothing_in_common(a, b), file=sys.stderr)
        return 2
    out = console()
    if found.changes:
        out.print(grid(found.changes))
        out.print()
    for line in lines(a, b, found, ranked):
        out.print(Text(line))
    if options.gate:
        return int(any(change.worse for change in found.changes))
    return int(bool(found.changes) or ranked.reversed)


if __name__ == "__main__":
    sys.exit(main())
