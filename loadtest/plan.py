"""Which cells a comparison has, and in which order they run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from loadtest.results import FLOOR, Cell, Load, Method
from waybill.strategy import Strategy

FLOOR_CELL = Cell(row=FLOOR, ids=0, method=Method.HEALTH)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one comparison covers."""

    name: str
    strategies: Sequence[Strategy]
    ids: Sequence[int]
    methods: Sequence[Method]
    rounds: int
    load: Load


QUICK = Profile(
    name="quick",
    strategies=tuple(Strategy),
    ids=(10, 100, 1_000),
    methods=(Method.VALIDATE, Method.PLACE),
    rounds=3,
    load=Load(rate_per_s=400, duration_s=1.4, warm_up_s=0.3, users=4, max_in_flight=256),
)
"""Under four minutes on two cores, with set-up of the services."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One cell in one round."""

    round: int
    cell: Cell


def turns(profile: Profile, seed: int) -> Iterator[Turn]:
    """All rounds of `profile`: each visits every cell once, the floor once for each number of ids.

    Within a round the strategies follow each other at every point of the comparison, in an order
    shuffled anew, so that a machine that drifts hits all alike.
    """
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(profile.rounds):
        for ids in profile.ids:
            block = [FLOOR_CELL]
            block += [
                Cell(row=strategy.value, ids=ids, method=method)
                for method in profile.methods
                for strategy in profile.strategies
            ]
            random.shuffle(block)
            yield from (Turn(number, cell) for cell in block)


def seconds(profile: Profile) -> float:
    """What the calls of all rounds take, without the last answers and the start of the services."""
    cells = len(list(turns(profile, seed=0)))
    return cells * (profile.load.duration_s + profile.load.warm_up_s)
