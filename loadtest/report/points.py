"""The run as the report needs it: one point for each cell, and which points belong together."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from loadtest import summary
from loadtest.colours import COLOURS
from loadtest.histogram import Latencies
from loadtest.results import FLOOR, Cell, Experiment, Load, Method, Run, Sample
from loadtest.spread import Spread
from loadtest.summary import Floor, Row, floors, ratio_to, summarise

USUAL_IDS = 100
"""Where strategies are set side by side at one size, if the run has it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a cell has beside its row, method and size."""

    grants: int
    """0 is as many as are needed: the whole list on one page, or new pages for a while."""
    id_kind: str
    orders_per_list: int
    workers: int
    via: str
    algorithm: str
    users: int

    @classmethod
    def of(cls, sample: Sample) -> "Setting":
        """The setting of a sample."""
        cell = sample.cell
        return cls(
            grants=0 if cell.grants == cell.ids or cell.fresh else cell.grants,
            id_kind=cell.id_kind,
            orders_per_list=cell.orders_per_list,
            workers=cell.workers,
            via=cell.via,
            algorithm=cell.algorithm,
            users=sample.load.users,
        )


@dataclass(frozen=True)
class Point:
    """One cell of one experiment at one rate, over all rounds."""

    experiment: Experiment
    row: Row
    samples: tuple[Sample, ...]
    floors: Mapping[int, Floor]
    """Of each round."""

    @property
    def cell(self) -> Cell:
        return self.row.cell

    @property
    def load(self) -> Load:
        return self.samples[0].load

    @property
    def setting(self) -> Setting:
        return Setting.of(self.samples[0])

    @property
    def good(self) -> tuple[Sample, ...]:
        """The samples that can be believed."""
        return tuple(sample for sample in self.samples if not sample.saturated)

    @property
    def shown(self) -> tuple[Sample, ...]:
        """The samples that can be believed, or all if none can."""
        return self.good or self.samples

    @property
    def served(self) -> float:
        """Share of the answered calls that were accepted."""
        return self.row.ok / self.row.answered if self.row.answered else 0.0

    @property
    def cost_us(self) -> Spread | None:
        """CPU time of a call: the orders service's, and products' beyond its work at rest."""
        return self._spread(_cost_us)

    @property
    def issue_us(self) -> Spread | None:
        """CPU time of a call at the products service, beyond its work at rest."""
        return self._spread(_issue_us)

    @property
    def wire_both(self) -> Spread | None:
        """Bytes on the wire of a call, both ways, as counted on the way."""
        counted = [
            (sample.measured.wire, sample.measured.observed.answered) for sample in self.shown
        ]
        return Spread.of(
            [(wire.up + wire.down) / calls for wire, calls in counted if wire and calls]
        )

    @cached_property
    def latency(self) -> Latencies:
        """Accepted calls, from the intended start."""
        return Latencies.merged(sample.measured.observed.latency for sample in self.shown)

    @cached_property
    def refusals(self) -> Latencies:
        """Refused calls, from the intended start."""
        return Latencies.merged(s.measured.observed.refused_latency for s in self.samples)

    def percentile_us(self, percentile: float) -> Spread | None:
        """A percentile of the latency: over all rounds, with the interval of the rounds' own."""
        middle = self.latency.percentile_us(percentile)
        if middle is None:
            return None
        texts = [sample.measured.observed.latency for sample in self.shown]
        rounds = Spread.of([v for text in texts if (v := percentile_us(text, percentile))])
        if rounds is None:
            return None
        return Spread(middle, min(middle, rounds.low), max(middle, rounds.high))

    def _spread(self, figure: Callable[[Sample, Floor], float | None]) -> Spread | None:
        taken = (figure(s, self.floors[s.round]) for s in self.good if s.round in self.floors)
        return Spread.of([value for value in taken if value is not None])


@lru_cache(maxsize=4096)
def percentile_us(histogram: str, percentile: float) -> int | None:
    """A percentile of an encoded histogram."""
    return Latencies.decode(histogram).percentile_us(percentile)


def _cost_us(sample: Sample, floor: Floor) -> float | None:
    ratio = ratio_to(floor, sample)
    return None if ratio is None else ratio * floor.orders_us


def _issue_us(sample: Sample, floor: Floor) -> float | None:
    answered = sample.measured.observed.answered
    if not answered or "products" not in sample.measured.cpu_s:
        return None
    rest_s = floor.products_load * sample.measured.elapsed_s
    return (sample.measured.cpu_s["products"] - rest_s) / answered * 1e6


def points_of(run: Run) -> list[Point]:
    """All points of a run, experiment by experiment, each with the floors of its own setting."""
    floor = floors(run.samples)
    groups: defaultdict[tuple[Experiment, Cell, Load], list[Sample]] = defaultdict(list)
    for sample in run.samples:
        groups[sample.experiment, sample.cell, sample.load].append(sample)
    return [
        _point(row, groups[row.experiment, row.cell, row.load], floor)
        for row in summarise(run.samples)
    ]


def _point(row: Row, samples: Sequence[Sample], floor: Mapping[summary.Setting, Floor]) -> Point:
    settings = {sample.round: summary.Setting.of(sample) for sample in samples}
    own = {number: floor[setting] for number, setting in settings.items() if setting in floor}
    return Point(row.experiment, row, tuple(samples), own)


def of_row(row: str, points: Iterable[Point]) -> list[Point]:
    """Those of `points` that belong to `row`."""
    return [point for point in points if point.cell.row == row]


@dataclass(frozen=True)
class Findings:
    """A run with its points, and the questions that figures ask of them."""

    run: Run
    points: tuple[Point, ...]

    @classmethod
    def of(cls, run: Run) -> "Findings":
        """Bring the samples of `run` together."""
        return cls(run, tuple(points_of(run)))

    @cached_property
    def strategies(self) -> tuple[str, ...]:
        """The strategies that were measured, in the order of their colours."""
        rows = {point.cell.row for point in self.points} - {FLOOR}
        seen = rows | self.run.under_change.strategies
        known = [row for row in COLOURS if row in seen]
        return (*known, *sorted(seen - set(known)))

    @cached_property
    def ids(self) -> int:
        """The size at which strategies are set side by side."""
        sizes = sorted({point.cell.ids for point in self.usual(Experiment.COST)})
        sizes = sizes or sorted({point.cell.ids for point in self.usual(Experiment.JOURNEY)})
        if USUAL_IDS in sizes or not sizes:
            return USUAL_IDS
        return sizes[(len(sizes) - 1) // 2]

    def usual(self, experiment: Experiment, *methods: Method) -> list[Point]:
        """The experiment's points in its most frequent setting, by size and rate; no floor."""
        setting = self.settings.get(experiment)
        found = [
            point
            for point in self._strategies_of(experiment)
            if point.setting == setting and (not methods or point.cell.method in methods)
        ]
        return sorted(found, key=lambda point: (point.cell.ids, point.load.rate_per_s))

    def checks(self, row: str) -> list[Point]:
        """The cost of checking only, by size."""
        return of_row(row, self.usual(Experiment.COST, Method.VALIDATE))

    def journey(self, row: str) -> Point | None:
        """A whole journey, at the size where strategies are set side by side."""
        points = of_row(row, self.usual(Experiment.JOURNEY))
        return next((point for point in points if point.cell.ids == self.ids), None)

    @cached_property
    def ranked(self) -> tuple[Point, ...]:
        """What strategies are ranked by: whole journeys, or checks if the run has no journeys."""
        for of in (self.journey, self.check):
            found = tuple(point for row in self.strategies if (point := of(row)))
            if found:
                return found
        return ()

    def check(self, row: str) -> Point | None:
        """The same at the size where strategies are set side by side."""
        return next((point for point in self.checks(row) if point.cell.ids == self.ids), None)

    @cached_property
    def floor_us(self) -> Spread | None:
        """CPU time of a floor call in the usual setting of the cost experiment, over the rounds."""
        usual = self.usual(Experiment.COST, Method.VALIDATE)
        floor = next((point.floors for point in usual if point.floors), {})
        return Spread.of([each.orders_us for each in floor.values()])

    def floors_of(self, experiment: Experiment) -> list[Point]:
        """The bare health checks beside the experiment's usual points, by rate."""
        loads = {point.load for point in self.usual(experiment)}
        floors = (p for p in self.points if p.experiment is experiment and p.cell.row == FLOOR)
        found = [point for point in floors if point.load in loads]
        return sorted(found, key=lambda point: point.load.rate_per_s)

    @cached_property
    def settings(self) -> Mapping[Experiment, Setting]:
        """The most frequent setting of each experiment."""
        counts: defaultdict[Experiment, Counter[Setting]] = defaultdict(Counter)
        for point in self.points:
            if point.cell.row != FLOOR:
                counts[point.experiment][point.setting] += point.row.rounds
        return {name: count.most_common(1)[0][0] for name, count in counts.items()}

    def _strategies_of(self, experiment: Experiment) -> Iterator[Point]:
        for point in self.points:
            if point.experiment is experiment and point.cell.row != FLOOR:
                yield point
