"""Which cells a comparison has, and in which order they run."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from random import Random

from loadtest.profile import FLOORLESS, Profile, Sweep
from loadtest.results import FLOOR, Cell, Experiment, Load, Method, Warmth

OVERHEAD_S: Mapping[Experiment, float] = dict.fromkeys(Experiment, 0.05) | {
    Experiment.COLD: 0.2,  # lists the pages of all calls before
    Experiment.CLIFF: 0.8,  # waits for refusals, which gRPC holds back
}
"""What a turn takes besides its calls, in seconds."""
STALE_AFTER_S = 2.0
"""Listed again after this long, a page is issued with a later time and so is new to everybody."""

_WARMTH: Mapping[Experiment, Warmth] = {Experiment.COLD: Warmth.COLD}


@dataclass(frozen=True, slots=True)
class Turn:
    """One cell in one round. Several `loads` follow each other until one is too much."""

    round: int
    experiment: Experiment
    cell: Cell
    loads: tuple[Load, ...]

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return OVERHEAD_S[self.experiment] + sum(
            load.duration_s + load.warm_up_s for load in self.loads
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One value of each axis of a sweep."""

    sweep: Sweep
    ids: int
    grants: int
    id_kind: str
    orders_per_list: int
    workers: int
    via: str
    users: int

    @property
    def loads(self) -> tuple[Load, ...]:
        """How its cells are driven; only the first load has to warm anything up."""
        first, *rest = (self.sweep.load(rate, self.users) for rate in self.sweep.rates_per_s)
        return (first, *(load.model_copy(update={"warm_up_s": 0.0}) for load in rest))

    def cell(self, row: str, method: Method) -> Cell:
        """One strategy at this point."""
        return Cell(
            row=row,
            ids=self.ids,
            method=method,
            grants=self.grants,
            id_kind=self.id_kind,
            warmth=_WARMTH.get(self.sweep.experiment, Warmth.WARM),
            orders_per_list=self.orders_per_list,
            workers=self.workers,
            via=self.via,
        )

    def floor(self) -> Cell:
        """The floor at this point: nothing of it but the workers and the path matters."""
        return Cell(row=FLOOR, ids=0, method=Method.HEALTH, workers=self.workers, via=self.via)


def points(sweep: Sweep) -> Iterator[Point]:
    """All combinations of the axes' values, each once."""
    axes = (
        *(sweep.page_sizes, sweep.grants, sweep.id_kinds),
        *(sweep.orders_per_list, sweep.workers, sweep.via, sweep.users),
    )
    found = (_point(sweep, values) for values in product(*axes))
    yield from dict.fromkeys(found)


def _point(sweep: Sweep, axes: tuple[int, int, str, int, int, str, int]) -> Point:
    size, grants, kind, reuse, workers, via, users = axes
    ids = min(size, grants) if grants else size
    pages = _new_pages(sweep, reuse, users)
    grants = max(grants, ids * pages) if pages else grants
    return Point(sweep, ids, grants, kind, reuse, workers, via, users)


def _new_pages(sweep: Sweep, orders_per_list: int, users: int) -> int:
    """How many pages one customer must have, for each to be new when its turn comes."""
    rate_per_s = max(sweep.rates_per_s) / users
    if sweep.experiment is Experiment.COLD:
        phases = (sweep.duration_s, sweep.warm_up_s)
        return sum(math.ceil(rate_per_s * seconds) for seconds in phases)
    if orders_per_list:
        return math.ceil(rate_per_s * STALE_AFTER_S / orders_per_list)
    return 0


def turns(profile: Profile, seed: int) -> Iterator[Turn]:
    """All rounds of `profile`: each visits every cell once, the floor at every point.

    Within a round the strategies follow each other at each point of the comparison, in an order
    shuffled anew, so that a machine that drifts hits all alike.
    """
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(profile.rounds):
        for sweep in profile.sweep:
            for point in points(sweep):
                block = list(_block(profile, point))
                random.shuffle(block)
                for cell in block:
                    yield Turn(number, sweep.experiment, cell, point.loads)


def _block(profile: Profile, point: Point) -> Iterator[Cell]:
    if point.sweep.experiment not in FLOORLESS:
        yield point.floor()
    for method in point.sweep.called:
        for strategy in profile.strategies_of(point.sweep):
            yield point.cell(strategy.value, method)


def seconds(profile: Profile) -> float:
    """About what all rounds take, without the start of the services and held-back refusals."""
    return sum(turn.seconds for turn in turns(profile, seed=0))
