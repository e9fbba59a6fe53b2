"""Brings the rounds of each cell together: medians, sums, ratios to the floor, ranks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeAlias

from loadtest.histogram import Latencies
from loadtest.judging import throughput_per_s
from loadtest.plan import ShopKind
from loadtest.ranking import ranks
from loadtest.results import FLOOR, Cell, Experiment, Load, Method, RequestBytes, Sample
from loadtest.spread import Spread


@dataclass(frozen=True, slots=True)
class Row:
    """One cell under one load over all rounds.

    Counts are sums; saturated rounds count in nothing else.
    """

    cell: Cell
    experiment: Experiment
    load: Load
    rounds: int
    saturated_rounds: int
    requested_per_s: float
    achieved_per_s: float
    """Calls sent a second."""
    throughput_per_s: float
    """Calls answered well a second, until the last answer."""
    intended: int
    ok: int
    refused: Mapping[str, int]
    """By gRPC code."""
    dropped: int
    p50_us: int | None
    p99_us: int | None
    service_p50_us: int | None
    refused_p50_us: int | None
    """How long refusals took, which a transport may hold back."""
    lag_p95_us: int | None
    orders_us: Spread | None
    """CPU time of the orders service for each answered call, in microseconds."""
    products_us: Spread | None
    proxies_us: Spread | None
    """CPU time of all proxies in between for each answered call; None where there are none."""
    ratio: Spread | None
    """How many floor calls of the same round a call costs; see `ratio_to`."""
    ratios: Mapping[int, float]
    """The same by round."""
    request: RequestBytes
    wire_up: Spread | None
    """Bytes on the wire for each answered call, from the client."""
    wire_down: Spread | None
    memory_bytes: Mapping[str, int]
    """The most that each service had resident."""
    rank: int | None = None
    """Place by CPU time among the strategies of the same block."""

    @property
    def saturated(self) -> bool:
        """No round of this cell can be believed."""
        return self.saturated_rounds == self.rounds

    @property
    def answered(self) -> int:
        """Calls that got any answer."""
        return self.ok + sum(self.refused.values())

    @property
    def is_floor(self) -> bool:
        """Whether this is the bare health check."""
        return self.cell.row == FLOOR

    @property
    def broken(self) -> bool:
        """Most answers were refusals."""
        return self.answered > 2 * self.ok

    @property
    def block(self) -> "Block":
        """What it may be compared within: all the same but the strategy."""
        return self.experiment, self.cell.model_copy(update={"row": ""}), self.load


Block: TypeAlias = tuple[Experiment, Cell, Load]


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
    rest_load: float
    """The same of all services but orders together."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a floor and the cells that it stands under have in common.

    The rate is part of it: a service's idle work weighs more on each of fewer calls.
    """

    round: int
    rate_per_s: float
    users: int
    shop: ShopKind
    """Rounds of different services are different rounds."""
    via: str

    @classmethod
    def of(cls, sample: Sample) -> "Setting":
        """The setting of one sample."""
        load = sample.load
        cell = sample.cell
        return cls(sample.round, load.rate_per_s, load.users, ShopKind.of(cell), cell.via)


def floors(samples: Iterable[Sample]) -> dict[Setting, Floor]:
    """The floor of each setting that has one to be believed."""
    found: defaultdict[Setting, list[Sample]] = defaultdict(list)
    for sample in samples:
        measured = sample.measured
        if sample.cell.row == FLOOR and not sample.saturated and measured.cpu_s:
            found[Setting.of(sample)].append(sample)
    return {setting: _floor(taken) for setting, taken in found.items()}


def _floor(samples: Sequence[Sample]) -> Floor:
    measured = [sample.measured for sample in samples]
    return Floor(
        orders_us=median(_costs(samples, "orders")),
        products_load=median(each.cpu_s["products"] / each.elapsed_s for each in measured),
        rest_load=median(others_s(sample) / sample.measured.elapsed_s for sample in samples),
    )


def ratio_to(floor: Floor, sample: Sample) -> float | None:
    """How many floor calls a call of `sample` costs in CPU time.

    Counts all that the orders service uses, and what all others (products, the store of references)
    use beyond their work at rest, so that a strategy does not get cheap by letting another do it.
    """
    orders_us = sample.cpu_us("orders")
    if orders_us is None:
        return None
    measured = sample.measured
    extra_s = others_s(sample) - floor.rest_load * measured.elapsed_s
    return (orders_us + extra_s / measured.observed.answered * 1e6) / floor.orders_us


def others_s(sample: Sample) -> float:
    """CPU seconds of all services but orders."""
    return sum(used for name, used in sample.measured.cpu_s.items() if name != "orders")


def _ratios(samples: Iterable[Sample], floor: Mapping[Setting, Floor]) -> dict[int, float]:
    """By round. A round that took the floor several times keeps the last of them."""
    under = ((sample, floor.get(Setting.of(sample))) for sample in samples)
    taken = {sample.round: ratio_to(found, sample) for sample, found in under if found}
    return {number: ratio for number, ratio in taken.items() if ratio is not None}


def _costs(samples: Iterable[Sample], service: str) -> list[float]:
    return [cost for sample in samples if (cost := sample.cpu_us(service)) is not None]


def _wire(samples: Iterable[Sample], direction: str) -> list[float]:
    """Bytes a call in each round; rounds without an answer or a count have none."""
    measured = (sample.measured for sample in samples)
    return [
        getattr(each.wire, direction) / each.observed.answered
        for each in measured
        if each.wire and each.observed.answered
    ]


def _middle(requests: Sequence[RequestBytes]) -> RequestBytes:
    """The one in the middle by size: a round tells one request, and proofs differ in length."""
    return sorted(requests, key=lambda request: request.total)[len(requests) // 2]


def _memory(samples: Iterable[Sample]) -> dict[str, int]:
    most: dict[str, int] = {}
    for sample in samples:
        for service, size in sample.measured.memory_bytes.items():
            most[service] = max(size, most.get(service, 0))
    return most


def _row(samples: Sequence[Sample], floor: Mapping[Setting, Floor]) -> Row:
    good = [sample for sample in samples if not sample.saturated]
    shown = good or samples
    ratios = _ratios(good, floor)
    seen = [sample.measured.observed for sample in shown]
    latency = Latencies.merged(each.latency for each in seen)
    refused: Counter[str] = Counter()
    for sample in samples:
        refused.update(by_code(sample.measured.observed.refused))
    return Row(
        cell=samples[0].cell,
        experiment=samples[0].experiment,
        load=samples[0].load,
        rounds=len(samples),
        saturated_rounds=len(samples) - len(good),
        requested_per_s=samples[0].load.rate_per_s,
        achieved_per_s=median(each.achieved_per_s for each in seen),
        throughput_per_s=median(map(throughput_per_s, shown)),
        intended=sum(sample.measured.observed.intended for sample in samples),
        ok=sum(sample.measured.observed.ok for sample in samples),
        refused=dict(refused),
        dropped=sum(sample.measured.observed.dropped for sample in samples),
        p50_us=latency.percentile_us(50),
        p99_us=latency.percentile_us(99),
        service_p50_us=Latencies.merged(each.service_time for each in seen).percentile_us(50),
        refused_p50_us=Latencies.merged(each.refused_latency for each in seen).percentile_us(50),
        lag_p95_us=Latencies.merged(each.send_lag for each in seen).percentile_us(95),
        orders_us=Spread.of(_costs(good, "orders")),
        products_us=Spread.of(_costs(good, "products")),
        proxies_us=Spread.of(_costs(good, "path")),
        ratio=Spread.of(list(ratios.values())),
        ratios=ratios,
        request=_middle([sample.measured.request for sample in samples]),
        wire_up=Spread.of(_wire(shown, "up")),
        wire_down=Spread.of(_wire(shown, "down")),
        memory_bytes=_memory(samples),
    )


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Cheapest first; after them, unranked, what was refused or cannot be believed."""
    fit = [row for row in rows if row.ratio and not row.broken and not row.is_floor]
    fit.sort(key=lambda row: median(row.ratios.values()))
    rank = ranks({row.cell.row: row.ratios for row in fit})
    places = {id(row) for row in fit}
    ranked = [replace(row, rank=rank.get(row.cell.row)) for row in fit]
    return ranked + [row for row in rows if id(row) not in places]


def summarise(samples: Iterable[Sample]) -> list[Row]:
    """One row for each cell under each load, in blocks of the same but for the strategy.

    Blocks are in order of experiment, method, axes and rate, the floors first; each block is
    cheapest first.
    """
    samples = list(samples)
    floor = floors(samples)
    cells: defaultdict[tuple[Experiment, Cell, Load], list[Sample]] = defaultdict(list)
    for sample in samples:
        cells[sample.experiment, sample.cell, sample.load].append(sample)
    blocks: defaultdict[Block, list[Row]] = defaultdict(list)
    for taken in cells.values():
        row = _row(taken, floor)
        blocks[row.block].append(row)
    return [row for block in sorted(blocks, key=_order) for row in _ranked(blocks[block])]


_METHODS = (Method.HEALTH, *(method for method in Method if method is not Method.HEALTH))


def _order(block: Block) -> tuple[object, ...]:
    experiment, cell, load = block
    return (
        *(list(Experiment).index(experiment), _METHODS.index(cell.method)),
        *(cell.via, cell.workers, cell.id_kind, cell.orders_per_list, cell.grants, cell.ids),
        *(load.users, load.rate_per_s, load.duration_s),
    )
