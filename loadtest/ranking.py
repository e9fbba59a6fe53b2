"""Tells strategies apart by the rounds that they share, and ranks them.

Strategies of one round meet the same machine, so they are compared round by round: by the factor
between their costs. Two are told apart where that factor cannot be chance, by Wilcoxon's
signed-rank test, and is large enough to matter. Others share a rank.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations_with_replacement
from math import exp, log
from statistics import median
from typing import TypeAlias

MARGIN = 0.03
"""Part by which a cost must exceed another to matter; less differs from machine to machine."""
ALPHA = 0.05
"""Most that chance may be to blame."""
FEWEST_ROUNDS = 6
"""With five, even costs that differ the same way in each round would be chance one time in 16."""

Costs: TypeAlias = Mapping[int, float]
"""By round."""


def factor(costs: Costs, than: Costs) -> float | None:
    """How many times `than` the `costs` are, of the rounds that both have; None without any.

    It is the Hodges-Lehmann estimate: the median over all pairs of rounds. A round in which one of
    them was disturbed does not move it.
    """
    logs = _logs(costs, than)
    if not logs:
        return None
    return exp(median((one + other) / 2 for one, other in combinations_with_replacement(logs, 2)))


def dearer(costs: Costs, than: Costs) -> bool:
    """Whether `costs` are higher than `than`, neither by chance nor by too little to matter."""
    logs = _logs(costs, than)
    times = factor(costs, than)
    return (
        times is not None
        and len(logs) >= FEWEST_ROUNDS
        and times > 1 + MARGIN
        and chance(logs) <= ALPHA
    )


def ranks(costs: Mapping[str, Costs]) -> dict[str, int]:
    """A rank for each name, 1 for the cheapest; who cannot be told from the first of a rank shares.

    Names without enough rounds have none.
    """
    fit = {name: each for name, each in costs.items() if len(each) >= FEWEST_ROUNDS}
    found: dict[str, int] = {}
    rank, first = 0, ""
    for place, name in enumerate(sorted(fit, key=lambda name: median(fit[name].values())), 1):
        if not rank or dearer(fit[name], than=fit[first]):
            rank, first = place, name
        found[name] = rank
    return found


def chance(differences: Sequence[float]) -> float:
    """The probability of differences as one-sided as these, or more, if neither side is higher.

    Wilcoxon's signed-rank test, two-sided and exact (F. Wilcoxon, Individual Comparisons by Ranking
    Methods, 1945). Differences of nothing are left out, and equal ones share their ranks.
    """
    sizes = [each for each in differences if each]
    ranked = _ranks([abs(each) for each in sizes])
    above = sum(rank for rank, each in zip(ranked, sizes, strict=True) if each > 0)
    below = sum(ranked) - above
    most = int(min(above, below))  # of tied ranks the sum may end in a half
    ways = _ways(len(sizes))
    return float(min(1, 2 * sum(ways[: most + 1]) / (1 << len(sizes))))


def _ranks(values: Sequence[float]) -> list[float]:
    """The place of each value from 1 up; equal values have the middle of their places."""
    ordered = sorted(values)
    return [
        (ordered.index(value) + 1 + len(ordered) - ordered[::-1].index(value)) / 2
        for value in values
    ]


@lru_cache(maxsize=256)
def _ways(count: int) -> tuple[int, ...]:
    """In how many ways some of the ranks 1 to `count` make each sum."""
    ways = [1]
    for rank in range(1, count + 1):
        longer = [*ways, *[0] * rank]
        for total, several in enumerate(ways):
            longer[total + rank] += several
        ways = longer
    return tuple(ways)


def _logs(costs: Costs, than: Costs) -> list[float]:
    return [log(costs[number] / than[number]) for number in sorted(costs.keys() & than.keys())]


def contradicting(before: Mapping[str, int], after: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs whose order is reversed: told apart both times, the other way round."""
    both = sorted(before.keys() & after.keys())
    return [
        (one, other)
        for one in both
        for other in both
        if before[one] < before[other] and after[one] > after[other]
    ]


def names(found: Mapping[str, int]) -> str:
    """The ranking in words: `replica < message-field = page-proof < reference`."""
    by_rank: dict[int, list[str]] = {}
    for name, rank in sorted(found.items(), key=lambda each: (each[1], each[0])):
        by_rank.setdefault(rank, []).append(name)
    return " < ".join(" = ".join(group) for group in by_rank.values())
