"""Writes the measured costs of a benchmark's record into the pages of the strategies.

python -m loadtest.bench.pages [build/bench/RUN]

A page says where: between `<!-- measured: NAME -->` and `<!-- /measured: NAME -->` everything is
replaced. Names are `costs`, the page's own strategy, and `peers`, other ways to prove the same.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from loadtest.bench import peers
from loadtest.bench.record import BenchRun, Timing
from loadtest.records import RECORD, NoRecord, find_record
from loadtest.report.numbers import short
from loadtest.shop import ROOT
from waybill.algorithms import DEFAULT_ALGORITHM

RESULTS = ROOT / "build" / "bench"
PAGES = ROOT / "docs" / "strategies"
STEPS: Mapping[str, str] = {
    "issue": "issue",
    "check cold": "check, first time",
    "check warm": "check, seen before",
    "read": "look up",
    "cache hit": "answer from the cache",
}
"""What a strategy's costs are, and what pages call them."""
PEER_STEPS: Mapping[str, str] = {peers.ISSUE: "issue", peers.CHECK: "check"}

Rows = Sequence[Timing]


def costs(run: BenchRun, strategy: str) -> Iterator[str]:
    """The lines about one strategy.

    Raises:
        ValueError: the record has nothing of it.
    """
    own = [each for each in run.timings if each.strategy == strategy and each.step in STEPS]
    if not own:
        raise ValueError(f"{run.run_id} has no figures of {strategy}")
    usual = [each for each in own if each.algorithm in ("", DEFAULT_ALGORITHM)]
    kind = usual[0].id_kind
    yield f"{_origin(run, own)} {_legend(own)}"
    yield ""
    by_size = {f"{ids:,}": _of(usual, ids, kind) for ids in _sizes(usual, kind)}
    yield from _table(f"Ids ({kind}) on the page", by_size)
    algorithms = list(dict.fromkeys(each.algorithm for each in own if each.algorithm))
    if len(algorithms) > 1:
        ids = next(each.ids for each in own if each.algorithm == algorithms[-1])
        yield ""
        yield f"The same for {ids:,} ids, by key:"
        yield ""
        signed = _of(own, ids, kind)
        rows = {name: [e for e in signed if e.algorithm == name] for name in algorithms}
        yield from _table("Key", rows)


def peer_table(run: BenchRun, _strategy: str) -> Iterator[str]:
    """The lines about other ways to prove the same.

    Raises:
        ValueError: the record has none of them.
    """
    own = [each for each in run.timings if each.step in PEER_STEPS]
    if not own:
        raise ValueError(f"{run.run_id} has no figures of peers")
    names = list(peers.PEERS)
    yield _origin(run, own)
    yield ""
    yield _line(("Granted", "", *names))
    yield _line(("---", "---", *("---:" for _ in names)))
    for ids in sorted({each.ids for each in own}):
        sized = {(each.step, each.strategy): each for each in own if each.ids == ids}
        sizes = [f"{sized[peers.CHECK, name].size_bytes:,}" for name in names]
        yield _line((f"{ids:,}", "bytes", *sizes))
        for step, title in PEER_STEPS.items():
            yield _line(("", f"{title}, µs", *(short(sized[step, name].us) for name in names)))


BLOCKS: Mapping[str, Callable[[BenchRun, str], Iterator[str]]] = {
    "costs": costs,
    "peers": peer_table,
}


def filled(text: str, run: BenchRun, strategy: str) -> str:
    """A page's text with its blocks written anew.

    Raises:
        ValueError: a block is not closed, or the record has nothing for it.
    """
    for name, lines in BLOCKS.items():
        begin, end = f"<!-- measured: {name} -->\n", f"<!-- /measured: {name} -->"
        if begin not in text:
            continue
        if end not in text.split(begin, 1)[1]:
            raise ValueError(f"the block {name} is not closed by {end}")
        before, rest = text.split(begin, 1)
        _, after = rest.split(end, 1)
        block = "\n".join(lines(run, strategy))
        text = f"{before}{begin}{block}\n{end}{after}"
    return text


def _origin(run: BenchRun, rows: Rows) -> str:
    """Where the figures are from, and how far they may be trusted."""
    spread = median((each.high_us - each.low_us) / 2 / each.us for each in rows)
    machine = f"{run.machine.cpus} × {run.machine.cpu}, Python {run.machine.python}"  # noqa: RUF001
    return (
        f"`make bench` on {run.begun[:10]}, {machine}, commit {run.commit}: microseconds, medians "
        f"of rounds, half of which lie within ±{spread:.0%}."
    )


def _legend(rows: Rows) -> str:
    """What the figures in brackets count."""
    floors = {each.step: f"one {each.floor_name}" for each in reversed(rows)}
    if any(each.algorithm for each in rows):
        floors |= {"issue": "one signature", "check cold": "one verification"}
    said = [f"{STEPS[step]}: {floors[step]}" for step in STEPS if step in floors]
    return f"In brackets, how many times what no implementation can do without ({'; '.join(said)})."


def _table(first: str, rows: Mapping[str, Rows]) -> Iterator[str]:
    everything = [each for own in rows.values() for each in own]
    steps = [step for step in STEPS if any(each.step == step for each in everything)]
    sizes = [step for step in steps[:2] if any(e.step == step and e.size_bytes for e in everything)]
    heads = {"issue": "bytes of the page's state", "check cold": "bytes in an order"}
    yield _line((first, *(STEPS[step] for step in steps), *(heads[step] for step in sizes)))
    yield _line(("---", *("---:" for _ in (*steps, *sizes))))
    for name, own in rows.items():
        by_step = {each.step: each for each in own}
        times = [f"{short(by_step[s].us)} ({short(by_step[s].ratio)})" for s in steps]
        yield _line((name, *times, *(f"{by_step[s].size_bytes:,}" for s in sizes)))


def _of(rows: Rows, ids: int, kind: str) -> Rows:
    return [each for each in rows if (each.ids, each.id_kind) == (ids, kind)]


def _sizes(rows: Rows, kind: str) -> Sequence[int]:
    return sorted({each.ids for each in rows if each.id_kind == kind})


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def newest(results: Path = RESULTS) -> str:
    """The folder of the newest record.

    Raises:
        NoRecord: there is none.
    """
    found = sorted(results.glob(f"*/{RECORD}"))
    if not found:
        raise NoRecord(f"no record in {results}; run `make bench`")
    return str(found[-1].parent)


def main(argv: Sequence[str] | None = None) -> int:
    """Fill all pages; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.bench.pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", nargs="?", help="a record's folder, file or id; the newest")
    parser.add_argument("--pages", type=Path, default=PAGES, help="folder of the pages")
    options = parser.parse_args(argv)
    try:
        record = find_record(options.run or newest(), RESULTS)
        run = BenchRun.model_validate_json(record.read_text(encoding="utf-8"))
        texts = {
            page: filled(page.read_text(encoding="utf-8"), run, page.stem)
            for page in sorted(options.pages.glob("*.md"))
        }
    except (NoRecord, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for page, text in texts.items():
        page.write_text(text, encoding="utf-8")
        print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
