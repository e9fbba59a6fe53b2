"""Writes the figures of a comparison's record into the page that chooses a strategy.

    python -m loadtest.report.decision RUN

RUN is an id, the beginning of one, a folder, or a record. Between the page's marks, rows that the
run can answer are written anew, with where they are from; all other rows stay as they are.
"""
# ruff: noqa: RUF001 - the multiplication sign is meant

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from loadtest.change.lanes import Revocation
from loadtest.change.outage.show import hit
from loadtest.ranking import names
from loadtest.records import NoRecord, find_record
from loadtest.report.breaking import breaking
from loadtest.report.numbers import duration, percent, spread
from loadtest.report.points import Findings, Point
from loadtest.report.staleness import slowest
from loadtest.results import Run, load_run
from loadtest.shop import ROOT

PAGE = ROOT / "docs" / "strategies" / "README.md"
BEGIN, END = "<!-- measured: make decision-page -->\n", "<!-- /measured: make decision-page -->"
COLUMN = re.compile(r"\[`([a-z-]+)`\]")
"""A strategy in the table's head."""

Cells = Callable[[Findings, str], str]
"""What the run says of a strategy; raises ValueError where it says nothing."""


def _journey(findings: Findings, strategy: str) -> str:
    return _ratio(findings.journey(strategy))


def _check(findings: Findings, strategy: str) -> str:
    return _ratio(findings.check(strategy))


def _ratio(point: Point | None) -> str:
    if point is None or point.row.ratio is None or point.row.broken:
        raise ValueError("the CPU time of its orders is not in the record")
    return spread(point.row.ratio)


def _breaks(findings: Findings, strategy: str) -> str:
    return str(breaking(findings, strategy))


def _stale(revocation: Revocation) -> Cells:
    def cell(findings: Findings, strategy: str) -> str:
        found = [each for each in slowest(findings, strategy) if each.revocation == revocation]
        if not found and revocation is Revocation.WATERMARKS:
            return ""  # nothing travels that they could end
        if any(each.broken for each in found):
            raise ValueError("decisions went beyond its bound, which the page says holds")
        if not found or found[0].revoke_to_refusal.p99_ms is None:
            raise ValueError("its staleness is not in the record")
        p99_s, bound_s = found[0].revoke_to_refusal.p99_ms / 1000, found[0].bounds.revoked_s
        return f"{duration(p99_s)} of {bound_s:g} s"

    return cell


def _served(target: str) -> Cells:
    def cell(findings: Findings, strategy: str) -> str:
        outages = findings.run.under_change.outage
        ours = [each for each in outages if (each.target, each.fault) == (target, "killed")]
        shares = [hit(each).share for each in ours if each.strategy == strategy]
        known = [share for share in shares if share is not None]
        if not known:
            raise ValueError(f"what it served with {target} killed is not in the record")
        return percent(min(known))

    return cell


ROWS: Mapping[str, Cells] = {
    "CPU of a journey, × a bare gRPC call": _journey,
    "CPU of the check alone, × a bare gRPC call": _check,
    "Orders break from (ids), gRPC's defaults": _breaks,
    "Revoked, and still accepted, measured with short bounds: p99 of bound": _stale(
        Revocation.EXPIRY
    ),
    "– the same with watermarks": _stale(Revocation.WATERMARKS),
    "A killed: orders served of customers who had listed": _served("products"),
    "The store killed: orders served": _served("store"),
}
"""The table's rows that come from a run, by their first cell."""


def filled(text: str, run: Run) -> str:
    """The page's text with its figures from `run`.

    Raises:
        ValueError: the page has no marks or not all rows, or the run lacks a figure.
    """
    if not run.complete or run.failures:
        raise ValueError(f"{run.head.run_id} was stopped, or measurements of it failed")
    before, begin, rest = text.partition(BEGIN)
    block, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the table: {BEGIN.strip()} … {END}")
    table = [line for line in block.splitlines() if line.startswith("|")]
    missing = ROWS.keys() - {_first(line) for line in table}
    if missing:
        raise ValueError(f"the table has no row {min(missing)!r}")
    findings = Findings.of(run)
    columns = COLUMN.findall(table[0])
    written = (_row(findings, columns, line) for line in table)
    lines = (_origin(run, findings), "", *written, "", _ranked(findings), "")
    return before + begin + "\n".join(lines) + end + after


def _row(findings: Findings, columns: Sequence[str], line: str) -> str:
    cells = ROWS.get(_first(line))
    if cells is None:
        return line
    words = [_first(line)]
    for strategy in columns:
        try:
            words.append(cells(findings, strategy))
        except ValueError as error:
            raise ValueError(f"{findings.run.head.run_id}, {strategy}: {error}") from None
    return f"| {' | '.join(words)} |"


def _first(line: str) -> str:
    return line.strip("|").partition("|")[0].strip()


def _origin(run: Run, findings: Findings) -> str:
    head = run.head
    return (
        f"From comparison `{head.run_id}` of {head.begun[:10]}: {head.machine.cpus} × "
        f"{head.machine.cpu}, commit `{head.commit}`, profile `{head.profile}`, {findings.ids:,} "
        "product ids of the kind `sku` with price and maximum. `make compare` measures the same "
        "on your machine, and `make decision-page ARGS=RUN` writes it here."
    )


def _ranked(findings: Findings) -> str:
    """The sentence that depends on the figures."""
    ranks = {point.cell.row: point.row.rank for point in findings.ranked if point.row.rank}
    if not ranks:
        raise ValueError(f"{findings.run.head.run_id} has too few rounds to rank by")
    ratios = [p.row.ratio.median for p in map(findings.check, ranks) if p and p.row.ratio]
    return (
        f"Cheapest first by a whole journey: {names(ranks)}; those joined by = are not told apart. "
        f"By the check alone the dearest costs {max(ratios) / min(ratios):.2f} times the cheapest."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Fill the page; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.report.decision",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", help="a record's folder, file or id")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page")
    options = parser.parse_args(argv)
    try:
        run = load_run(find_record(options.run))
        text = filled(options.page.read_text(encoding="utf-8"), run)
    except (NoRecord, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    options.page.write_text(text, encoding="utf-8")
    print(options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
