"""Brings the rounds of each cell together: medians, sums, ratios to the floor, ranks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from loadtest.histogram import Latencies
from loadtest.results import FLOOR, Cell, Method, RequestBytes, Sample


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """The spread of `values`, None without any."""
        return cls(median(values), min(values), max(values)) if values else None


@dataclass(frozen=True, slots=True)
class Row:
    """One cell over all rounds. Counts are sums; saturated rounds count in nothing else."""

    cell: Cell
    rounds: int
    saturated_rounds: int
    requested_per_s: float
    achieved_per_s: float
    intended: int
    ok: int
    refused: Mapping[str, int]
    """By gRPC code."""
    dropped: int
    p50_us: int | None
    p99_us: int | None
    service_p50_us: int | None
    lag_p95_us: int | None
    orders_us: Spread | None
    """CPU time of the orders service for each answered call, in microseconds."""
    products_us: Spread | None
    ratio: Spread | None
    """How many floor calls of the same round a call costs; see `ratio_to`."""
    request: RequestBytes
    rank: int | None = None
    """Place by CPU time among the strategies with the same ids and method."""

    @property
    def saturated(self) -> bool:
        """No round of this cell can be believed."""
        return self.saturated_rounds == self.rounds

    @property
    def answered(self) -> int:
        """Calls that got any answer."""
        return self.ok + sum(self.refused.values())

    @property
    def broken(self) -> bool:
        """Most answers were refusals."""
        return self.answered > 2 * self.ok


def by_code(refused: Mapping[str, int]) -> dict[str, int]:
    """Refusals by gRPC code, from refusals by code and reason."""
    codes: Counter[str] = Counter()
    for refusal, count in refused.items():
        codes[refusal.partition(" ")[0]] += count
    return dict(codes)


@dataclass(frozen=True, slots=True)
class Floor:
    """What a round's floor calls cost."""

    orders_us: float
    """CPU time of the orders service for each call, in microseconds."""
    products_load: float
    """CPU seconds that the products service uses in a second, though no floor call reaches it."""


def floors(samples: Iterable[Sample]) -> dict[int, Floor]:
    """The floor of each round that has one to be believed."""
    rounds: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.cell.row == FLOOR and not sample.saturated:
            rounds[sample.round].append(sample)
    return {number: _floor(taken) for number, taken in rounds.items()}


def _floor(samples: Sequence[Sample]) -> Floor:
    measured = [sample.measured for sample in samples]
    return Floor(
        orders_us=median(_costs(samples, "orders")),
        products_load=median(each.cpu_s["products"] / each.elapsed_s for each in measured),
    )


def ratio_to(floor: Floor, sample: Sample) -> float | None:
    """How many floor calls a call of `sample` costs in CPU time.

    Counts all that the orders service uses, and what the products service uses beyond its work at
    rest, so that a strategy does not get cheap by letting another service do the work.
    """
    orders_us = sample.cpu_us("orders")
    if orders_us is None:
        return None
    measured = sample.measured
    extra_s = measured.cpu_s["products"] - floor.products_load * measured.elapsed_s
    return (orders_us + extra_s / measured.observed.answered * 1e6) / floor.orders_us


def _ratios(samples: Iterable[Sample], floor: Mapping[int, Floor]) -> list[float]:
    taken = (ratio_to(floor[sample.round], sample) for sample in samples if sample.round in floor)
    return [ratio for ratio in taken if ratio is not None]


def _costs(samples: Iterable[Sample], service: str) -> list[float]:
    return [cost for sample in samples if (cost := sample.cpu_us(service)) is not None]


def _row(cell: Cell, samples: Sequence[Sample], floor: Mapping[int, Floor]) -> Row:
    good = [sample for sample in samples if not sample.saturated]
    shown = [sample.measured.observed for sample in good or samples]
    latency = Latencies.merged(seen.latency for seen in shown)
    refused: Counter[str] = Counter()
    for sample in samples:
        refused.update(by_code(sample.measured.observed.refused))
    return Row(
        cell=cell,
        rounds=len(samples),
        saturated_rounds=len(samples) - len(good),
        requested_per_s=samples[0].load.rate_per_s,
        achieved_per_s=median(seen.achieved_per_s for seen in shown),
        intended=sum(sample.measured.observed.intended for sample in samples),
        ok=sum(sample.measured.observed.ok for sample in samples),
        refused=dict(refused),
        dropped=sum(sample.measured.observed.dropped for sample in samples),
        p50_us=latency.percentile_us(50),
        p99_us=latency.percentile_us(99),
        service_p50_us=Latencies.merged(seen.service_time for seen in shown).percentile_us(50),
        lag_p95_us=Latencies.merged(seen.send_lag for seen in shown).percentile_us(95),
        orders_us=Spread.of(_costs(good, "orders")),
        products_us=Spread.of(_costs(good, "products")),
        ratio=Spread.of(_ratios(good, floor)),
        request=samples[0].measured.request,
    )


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Cheapest first; after them, unranked, what was refused or cannot be believed."""
    fit = [row for row in rows if row.ratio and not (row.broken or row.cell.row == FLOOR)]
    fit.sort(key=lambda row: row.ratio.median if row.ratio else 0.0)
    rest = [row for row in rows if row not in fit]
    return [replace(row, rank=rank) for rank, row in enumerate(fit, start=1)] + rest


def summarise(samples: Iterable[Sample]) -> list[Row]:
    """One row for each cell, grouped by method and ids, each group cheapest first."""
    samples = list(samples)
    floor = floors(samples)
    cells: defaultdict[Cell, list[Sample]] = defaultdict(list)
    for sample in samples:
        cells[sample.cell].append(sample)
    groups: defaultdict[tuple[Method, int], list[Row]] = defaultdict(list)
    for cell, taken in cells.items():
        groups[cell.method, cell.ids].append(_row(cell, taken, floor))
    order = sorted(groups, key=lambda group: (_METHOD_ORDER[group[0]], group[1]))
    return [row for group in order for row in _ranked(groups[group])]


_METHOD_ORDER = {
    Method.HEALTH: 0,
    Method.VALIDATE: 1,
    Method.PLACE: 2,
    Method.LIST: 3,
}
