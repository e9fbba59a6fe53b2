"""The region in which C-core refuses at random: sampled, beside the rule that it documents."""

import dataclasses
import re
from collections.abc import Iterable

from loadtest.limits.asks import Ask, Outcome
from loadtest.limits.cases import ENTRY_BYTES, Bench, Case
from loadtest.limits.records import Direction, RandomRegion, RegionPoint, Shape
from loadtest.limits.statistics import fit_ramp, ramp, wilson

DOCUMENTED_SOFT = 8192
DOCUMENTED_HARD = 16384
TRIES = 100
STATED = re.compile(r"exceeds (soft|hard) limit \((?:value length )?\d+ vs\. (\d+)\)")


def sizes(points: int) -> list[int]:
    """Header list sizes over the region and a little beyond both ends."""
    start, end = DOCUMENTED_SOFT - 400, DOCUMENTED_HARD + 400
    return [start + (end - start) * i // (points - 1) for i in range(points)]


def sample(
    bench: Bench, direction: Direction, own_bytes: int, *, points: int, tries: int = TRIES
) -> RandomRegion:
    """Call `tries` times at once at each of `points` sizes.

    `own_bytes` is the list size of what the header holds besides the probe's one entry.
    """
    case = Case(direction, Shape.SINGLE, bound=DOCUMENTED_HARD)
    seen: dict[int, list[Outcome]] = {}
    for size in sizes(points):
        ask = case.ask(size - own_bytes - ENTRY_BYTES, bench.base)
        seen[size] = bench.prober.run(_many(ask, tries))
    refusals = [one for outcomes in seen.values() for one in outcomes if not one.passed]
    counted = [(size, len(found), sum(not o.passed for o in found)) for size, found in seen.items()]
    soft, hard = fit_ramp(counted)
    stated = _stated(refusals)
    return RandomRegion(
        direction=direction,
        points=tuple(_point(*one) for one in counted),
        fitted_soft=soft,
        fitted_hard=hard,
        stated_soft=stated.get("soft"),
        stated_hard=stated.get("hard"),
        held_ms=_quantiles([one.held_ms for one in refusals]),
    )


def _many(ask: Ask, tries: int) -> Ask:
    return dataclasses.replace(ask, times=tries, deadline_s=5.0)


def _point(size: int, tries: int, refused: int) -> RegionPoint:
    low, high = wilson(refused, tries)
    predicted = ramp(size, DOCUMENTED_SOFT, DOCUMENTED_HARD)
    return RegionPoint(size, tries, refused, round(low, 4), round(high, 4), round(predicted, 4))


def _stated(refusals: Iterable[Outcome]) -> dict[str, int]:
    """The limits that the refusals' own texts name."""
    found = (STATED.search(one.text) for one in refusals)
    return {match.group(1): int(match.group(2)) for match in found if match}


def _quantiles(values: list[float]) -> tuple[float, ...]:
    if not values:
        return ()
    ordered = sorted(values)
    places = (0.0, 0.5, 0.95, 1.0)
    return tuple(ordered[round(place * (len(ordered) - 1))] for place in places)
