"""What to know when reading the table: what stands out, and how it was measured."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from loadtest.histogram import Latencies
from loadtest.results import MAX_LAG_US, MIN_ACHIEVED, Experiment, Failure, Sample
from loadtest.summary import Row, floors
from loadtest.titles import whole


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What stands out: saturated cells, refusals, dropped arrivals.

    The curves are about refusing and falling behind, and tell of it themselves.
    """
    cells = [row for row in rows if row.experiment not in (Experiment.SATURATION, Experiment.CLIFF)]
    yield from saturation(cells)
    yield from dropped(cells)
    yield from breaking(cells)


def dropped(rows: Sequence[Row]) -> Iterator[str]:
    """How many arrivals were not sent, and whose."""
    lost = Counter[str]()
    for row in rows:
        lost[row.cell.row] += row.dropped
    if lost.total():
        due = sum(row.intended for row in rows)
        yield f"Dropped {lost.total():,} of {due:,} arrivals: {_each(lost)}."


def breaking(rows: Sequence[Row]) -> Iterator[str]:
    """In how many cells most answers were refusals, and whose."""
    cells = Counter(row.cell.row for row in rows if row.broken)
    if cells:
        fewest = min(row.cell.ids for row in rows if row.broken)
        yield (
            f"Mostly refused in {cells.total()} of {len(rows)} cells, from {fewest:,} ids on: "
            f"{_each(cells)}: a result, not a crash."
        )


def failures(found: Sequence[Failure]) -> Iterator[str]:
    """How many measurements failed, whose, and why the first of them did."""
    if found:
        rows = Counter(failure.cell.row for failure in found)
        yield f"Failed: {len(found):,} measurements: {_each(rows)}. The first: {found[0].reason}"


def _each(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common() if count)


def saturation(rows: Sequence[Row]) -> Iterator[str]:
    """How many rounds cannot be believed, and whose."""
    rounds = Counter[str]()
    for row in rows:
        rounds[row.cell.row] += row.saturated_rounds
    if not rounds.total():
        return
    of = sum(row.rounds for row in rows)
    yield (
        f"Saturated in {rounds.total()} of {of} rounds, which are left out: {_each(rounds)} "
        f"(under {MIN_ACHIEVED:.0%} of the asked rate, or send lag over "
        f"{MAX_LAG_US / 1000:.0f} ms at p95)."
    )


def conditions(samples: Sequence[Sample]) -> Iterator[str]:
    """How the cells were driven, from the samples themselves."""
    if not samples:
        yield "No cell was measured."
        return
    rounds = len({sample.round for sample in samples})
    lag = Latencies.merged(sample.measured.observed.send_lag for sample in samples)
    own = sum(s.measured.generator_cpu_s for s in samples)
    calls = sum(s.measured.observed.answered for s in samples)
    users = sorted({sample.load.users for sample in samples})
    algorithms = sorted({sample.cell.algorithm for sample in samples})
    yield (
        f"Rounds: {rounds}; {' or '.join(map(str, users))} customers with a connection each, who "
        f"order from {samples[0].load.favourites} products of their lists; caches warm unless cold "
        f"is said; Poisson arrivals; state signed with {', '.join(algorithms)}."
    )
    yield memory(samples)
    yield (
        f"Generator: send lag p50 {whole(lag.percentile_us(50))} µs, p99 "
        f"{whole(lag.percentile_us(99))} µs; {own / max(calls, 1) * 1e6:,.0f} µs of CPU a call."
    )
    if any(sample.measured.cpu_s for sample in samples):
        yield from _rest(samples)


def memory(samples: Sequence[Sample]) -> str:
    """The most memory that each service had resident."""
    most: dict[str, int] = {}
    for sample in samples:
        for service, used in sample.measured.memory_bytes.items():
            most[service] = max(used, most.get(service, 0))
    each = (f"{service} {used / 2**20:,.0f} MiB" for service, used in sorted(most.items()))
    return f"Resident memory at most: {', '.join(each) or 'not known'}."


def _rest(samples: Sequence[Sample]) -> Iterator[str]:
    loads = [floor.products_load for floor in floors(samples).values()]
    if loads:
        yield (
            f"At rest the products process uses {median(loads) * 1e3:.0f} ms of CPU a second, "
            f"mostly for the replica's feed."
        )
