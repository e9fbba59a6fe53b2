"""The tables of docs/scaling.md, from the records that they are computed from."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.results import FLOOR, Run
from loadtest.scale.model import Check, Costs, Need, Workload, checks, costs, need, replica_costs
from loadtest.scale.record import Scale
from loadtest.scale.source import Plan, Source
from loadtest.summary import Row, summarise

BEGIN, END = "<!-- measured: make scale -->", "<!-- end of measured -->"
WORKLOADS = (Workload(1_000_000), Workload(100_000_000))


def text(run: Run, scale: Scale) -> str:
    """Everything, as Markdown."""
    return "\n".join(_lines(run, scale))


def write(page: Path, run: Run, scale: Scale) -> None:
    """Replace what stands between the marks of `page`.

    Raises:
        ValueError: the page has no such marks.
        OSError: it cannot be read or written.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for the tables: {BEGIN} … {END}")
    whole = f"{before}{BEGIN}\n\n{text(run, scale)}\n\n{END}{after}"
    page.write_text(whole, encoding="utf-8")


def _lines(run: Run, scale: Scale) -> Iterator[str]:
    rows = summarise(run.samples)
    machine = scale.machine
    yield f"{machine.cpu}, {machine.cpus} logical processors, Python {machine.python}. Replicas: "
    yield f"{scale.begun[:10]}, commit `{scale.commit}`. Orders and listings: comparison "
    yield f"`{run.head.run_id}`, profile `{run.head.profile}`, commit `{run.head.commit}`."
    yield from _replicas(scale)
    found = [each for each in (costs(rows, name) for name in _strategies(rows)) if each]
    lines = replica_costs(scale.replicas, change_bytes())
    for workload in WORKLOADS:
        needs = [need(workload, each, lines) for each in found]
        yield from _needs(workload, needs)
    yield from _coefficients(found)
    yield from _checks(list(checks(rows, scale.replicas)))


def _strategies(rows: Sequence[Row]) -> list[str]:
    return sorted({row.cell.row for row in rows} - {FLOOR})


def change_bytes() -> int:
    """One change on the feed, in a message of its own."""
    source = Source(Plan(1, 1000, 0, (), 0.0))
    return len(source._changes(1))


def _replicas(scale: Scale) -> Iterator[str]:
    yield "\n### A replica, measured\n"
    yield (
        "| Grants | Bootstrap | Follower's CPU | Copy on disk | Bytes a grant | Follower's memory "
        "| Changes applied | Lag at 200/s, p50 / p99 | at 2,000/s |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for each in scale.replicas:
        lags = [f"{lag.p50_ms:.0f} / {lag.p99_ms:.0f} ms" for lag in each.lags]
        yield (
            f"| {each.grants:,} | {each.bootstrap_s:.1f} s | {each.bootstrap_cpu_s:.1f} s "
            f"| {_size(each.file_bytes)} | {each.bytes_per_grant:.0f} "
            f"| {_size(each.resident_bytes)} | {each.changes_per_s:,.0f}/s | {' | '.join(lags)} |"
        )


def _needs(workload: Workload, needs: Sequence[Need]) -> Iterator[str]:
    yield f"\n### {workload.users:,} users\n"
    yield (
        f"{workload.grants:,} grants, {workload.changes_per_s:,.0f} changes/s, "
        f"{workload.orders_per_s:,.0f} orders/s at the peak, each after a listing of "
        f"{workload.page_size}.\n"
    )
    yield (
        "| Strategy | Orders, cores | Products, cores | State held, each copy | Feed, each copy "
        "| Users' traffic | Parts |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for each in sorted(needs, key=lambda one: one.orders_cores + one.products_cores):
        feed = f"{_size(each.feed_bytes_per_s)}/s" if each.feed_bytes_per_s else "–"  # noqa: RUF001
        held = _size(each.state_bytes) if each.state_bytes else "–"  # noqa: RUF001 - a dash
        yield (
            f"| `{each.strategy}` | {_count(each.orders_cores)} | {_count(each.products_cores)} "
            f"| {held} | {feed} | {_size(each.edge_bytes_per_s)}/s | {each.shards:,} |"
        )


def _coefficients(found: Sequence[Costs]) -> Iterator[str]:
    yield "\n### What it is computed from\n"
    yield "n is the number of ids carried; a busy process, state seen before, order only checked. "
    yield "Besides: what a process uses each second, however many calls there are.\n"
    yield (
        "| Strategy | CPU of a check | First with its state | Placing it | Besides "
        "| CPU of a listing | Bytes of an order |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for each in found:
        yield (
            f"| `{each.strategy}` | {each.order_us.fixed:.0f} + {each.order_us.slope:.2f} n µs "
            f"| +{each.first_us:.0f} µs | +{each.placing_us:.0f} µs "
            f"| {each.by_rate.slope / 1e4:.1f} % of a core "
            f"| {each.listing_us.fixed:.0f} + {each.listing_us.slope:.2f} n µs "
            f"| {each.order_bytes.fixed:.0f} + {each.order_bytes.slope:.1f} n |"
        )


def _checks(found: Sequence[Check]) -> Iterator[str]:
    yield "\n### Predictions that a measured point checks\n"
    yield "| What | Strategy | Predicted | Measured | Error |"
    yield "|---|---|--:|--:|--:|"
    for each in found:
        yield (
            f"| {each.what} | `{each.strategy}` | {each.predicted:,.4g} | {each.measured:,.4g} "
            f"| {each.error:+.0%} |"
        )


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:,.3g} {unit}" if count < 1000 else f"{count:,.0f} {unit}"
        count /= 1000
    raise AssertionError("the loop ends at TB")


def _count(number: float) -> str:
    return f"{number:,.1f}" if number < 100 else f"{number:,.0f}"
