"""Which cells a comparison has, and in which order they run."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Self

from loadtest.profile import FLOORLESS, MESH, Profile, Sweep
from loadtest.results import FLOOR, Cell, Experiment, Load, Method, Warmth
from waybill.algorithms import DEFAULT_ALGORITHM

OVERHEAD_S: Mapping[Experiment, float] = dict.fromkeys(Experiment, 0.05) | {
    Experiment.COLD: 0.2,  # lists the pages of all calls before
    Experiment.CLIFF: 0.8,  # waits for refusals, which gRPC holds back
}
"""What a turn takes besides its calls, in seconds."""
STALE_AFTER_S = 2.0
"""Listed again after this long, a page is issued with a later time and so is new to everybody."""

_WARMTH: Mapping[Experiment, Warmth] = {Experiment.COLD: Warmth.COLD}


@dataclass(frozen=True, slots=True)
class ShopKind:
    """What services must be started for: cells that differ in it cannot share a shop."""

    workers: int = 1
    """Processes of the orders service."""
    algorithm: str = DEFAULT_ALGORITHM
    """Of the keys that state is signed with."""
    meshed: bool = False
    """In the mesh, which has services of its own; hops stand in front of any."""

    @classmethod
    def of(cls, needed: "Point | Cell") -> Self:
        """The kind that a cell needs."""
        return cls(needed.workers, needed.algorithm, needed.via == MESH)

    @property
    def name(self) -> str:
        """Fit for a folder."""
        return "-".join((str(self.workers), self.algorithm, *(["mesh"] if self.meshed else [])))


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
    algorithm: str
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
            algorithm=self.algorithm,
            via=self.via,
        )

    def floor(self) -> Cell:
        """The floor at this point: nothing matters but the services, and the path to them."""
        return Cell(
            row=FLOOR,
            ids=0,
            method=Method.HEALTH,
            workers=self.workers,
            algorithm=self.algorithm,
            via=self.via,
        )


def points(sweep: Sweep) -> Iterator[Point]:
    """All combinations of the axes' values, each once."""
    axes = (
        *(sweep.page_sizes, sweep.grants, sweep.id_kinds),
        *(sweep.orders_per_list, sweep.workers, sweep.algorithms, sweep.via, sweep.users),
    )
    found = (_fitting(Point(sweep, *values)) for values in product(*axes))
    yield from dict.fromkeys(found)


def _fitting(point: Point) -> Point:
    """No page is longer than the list, and no list shorter than the pages that are needed."""
    ids = min(point.ids, point.grants) if point.grants else point.ids
    pages = _new_pages(point.sweep, point.orders_per_list, point.users)
    return replace(point, ids=ids, grants=max(point.grants, ids * pages))


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
    """All rounds of `profile`, on one set of services after the other.

    A round visits every cell of the sweeps that take part in it once, the floor at every point.
    Within it the strategies follow each other at each point of the comparison, in an order shuffled
    anew, so that a machine that drifts hits all alike.
    """
    taken = [(sweep, point) for sweep in profile.sweep for point in points(sweep)]
    for shop in dict.fromkeys(ShopKind.of(point) for _, point in taken):
        here = [(sweep, point) for sweep, point in taken if ShopKind.of(point) == shop]
        yield from _rounds(profile, here, Random(f"{seed} {shop}"))  # noqa: S311 - no secret


def _rounds(
    profile: Profile, taken: Sequence[tuple[Sweep, Point]], random: Random
) -> Iterator[Turn]:
    most = max(profile.rounds_of(sweep) for sweep, _ in taken)
    for number in range(most):
        here = [point for sweep, point in taken if number in spread(profile.rounds_of(sweep), most)]
        for block in dict.fromkeys(_block(number, profile, point) for point in here):
            yield from random.sample(block, len(block))


def spread(few: int, of: int) -> frozenset[int]:
    """Which `few` of so many rounds are at about equal distances, from each other and the ends.

    So what is visited seldom is not always there in the first round, when the services are new.
    """
    return frozenset((2 * number + 1) * of // (2 * few) for number in range(few))


def _block(number: int, profile: Profile, point: Point) -> tuple[Turn, ...]:
    """What belongs together: the floor, and every strategy at one point."""
    sweep = point.sweep
    floors = 0 if sweep.experiment in FLOORLESS else sweep.floors
    cells = [point.floor()] * floors + [
        point.cell(strategy.value, method)
        for method in sweep.called
        for strategy in profile.strategies_of(sweep)
    ]
    return tuple(Turn(number, sweep.experiment, cell, point.loads) for cell in cells)


def seconds(profile: Profile) -> float:
    """About what all rounds take, without the start of the services and held-back refusals."""
    return sum(turn.seconds for turn in turns(profile, seed=0))
