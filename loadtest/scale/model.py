"""What an order, a listing and a grant cost with each strategy, from measured points. Pure.

A check costs what a bare call costs at that rate (`Bare`), and above it a line over the ids
carried, or over their logarithm where the state is a path in a tree. Placing, and the first order
with a state, cost a constant more. A replica's size and bootstrap are in proportion to its grants.

The lines go through some of the points; `checks` predicts the others. `Models` are many models of
figures that were drawn anew from the measured rounds: where they differ, the rounds did.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from loadtest.scale.figures import Figures, Kind, Points
from loadtest.scale.fit import Bare, Line, fitted
from loadtest.scale.replicas import ReplicaCosts, ReplicaPoints
from waybill.strategy import Strategy

DRAWS = 400
CONFIDENCE = 0.95
_ROUNDING = 1e-9  # of floating point

GROWTH: Mapping[str, Callable[[float], float]] = {Strategy.PAGE_PROOF.value: math.log2}
"""What a check and its bytes are in proportion to, if not to the ids."""
BY_PRODUCT = frozenset({Strategy.DIRECT_CALL.value})
"""Strategies without state that a listing renews: they ask for each product."""
NEEDED = frozenset(Kind) - {Kind.JOURNEY, Kind.BUSY_CHECK}
"""Points without which a strategy has no costs."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one call costs with one strategy, in microseconds of CPU and in bytes."""

    check: Line
    """Orders, above a bare call, state seen before."""
    placing_us: float
    """What more it costs to place it, durably."""
    first_us: float
    """What more the first order with a state costs."""
    first_elsewhere_us: float
    """What that costs all others."""
    listing: Line
    """Products and store, above their rest; issuing included."""
    order_bytes: Line
    listing_bytes: Line
    carried_bytes: Line
    grows_with: Callable[[float], float] = float
    first_by_product: bool = False
    """Whether `first_us` is of each product anew, rather than of each listing."""

    def check_us(self, ids: float) -> float:
        """A check of so many ids, above a bare call."""
        return self.check.at(self.grows_with(ids))

    def order_us(self, ids: float) -> float:
        """An order that is placed, the first with its state, above a bare call."""
        return self.check_us(ids) + self.first_us + self.placing_us

    def bytes_of_order(self, ids: float) -> float:
        """On the wire, both ways."""
        return self.order_bytes.at(self.grows_with(ids))


@dataclass(frozen=True, slots=True)
class Model:
    """One reading of all figures."""

    bare: Bare
    products_rest: float
    """CPU seconds a second of products without any call."""
    costs: Mapping[str, Costs]
    replica: ReplicaCosts
    resident: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Between:
    """A value, and between which two it lies in 95 of 100 draws."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, drawn: Sequence[float]) -> "Between":
        """Of a value and what it was in each draw."""
        ordered = sorted((value, *drawn))
        spare = int(len(ordered) * (1 - CONFIDENCE) / 2)
        return cls(value, ordered[spare], ordered[-1 - spare])

    def __contains__(self, value: float) -> bool:
        slack = abs(value) * _ROUNDING
        return self.low - slack <= value <= self.high + slack


@dataclass(frozen=True, slots=True)
class Reading:
    """The figures of one draw, and the model of them."""

    figures: Figures
    replicas: ReplicaPoints
    model: Model


@dataclass(frozen=True, slots=True)
class Models:
    """The model of what was measured, and those of what might have been."""

    measured: Reading
    drawn: Sequence[Reading]

    @classmethod
    def of(cls, figures: Figures, replicas: ReplicaPoints, *, draws: int = DRAWS) -> "Models":
        """All of them, the same for the same figures.

        Raises:
            ValueError: points are missing that the model needs.
        """
        random = Random(1)  # noqa: S311 - repeatable, no secret
        drawn = [_reading(figures.drawn(random), replicas.drawn(random)) for _ in range(draws)]
        return cls(_reading(figures, replicas), drawn)

    def between(self, value: Callable[[Model], float]) -> Between:
        """Any figure of a model, with its interval."""
        return Between.of(value(self.measured.model), [value(each.model) for each in self.drawn])

    @property
    def strategies(self) -> list[str]:
        """Those that have costs."""
        return sorted(self.measured.model.costs)


def _reading(figures: Figures, replicas: ReplicaPoints) -> Reading:
    return Reading(figures, replicas, model(figures, replicas))


def model(figures: Figures, replicas: ReplicaPoints) -> Model:
    """What `figures` and `replicas` come to.

    Raises:
        ValueError: points are missing that it needs.
    """
    if not figures.bare or {"orders", "products"} - figures.rest.keys():
        raise ValueError("the record has no floors, or no listings beside which orders rests")
    return Model(
        Bare.near(fitted(figures.bare), figures.rest["orders"].value),
        figures.rest["products"].value,
        {
            name: replace(
                costs(kinds, GROWTH.get(name, float)), first_by_product=name in BY_PRODUCT
            )
            for name, kinds in figures.strategies.items()
            if all(kinds[kind] for kind in NEEDED)
        },
        replicas.costs(),
        figures.resident,
    )


def costs(kinds: Mapping[Kind, Points], grows_with: Callable[[float], float]) -> Costs:
    """The costs of one strategy, which has all that is `NEEDED`."""
    check = Line.near(_checked(kinds), grows_with)

    def above_check(points: Points) -> float:
        return max(0.0, _mean([(p.value - check.at(grows_with(p.x)), p.weight) for p in points]))

    def near(kind: Kind, grows_with: Callable[[float], float] = float) -> Line:
        return Line.near(fitted(kinds[kind]), grows_with)

    return Costs(
        check=check,
        placing_us=above_check(kinds[Kind.PLACED]),
        first_us=above_check(kinds[Kind.FIRST]),
        first_elsewhere_us=max(
            0.0, _mean([(point.value, point.weight) for point in kinds[Kind.FIRST_ELSEWHERE]])
        ),
        listing=near(Kind.LISTING),
        order_bytes=near(Kind.ORDER_BYTES, grows_with),
        listing_bytes=near(Kind.LISTING_BYTES),
        carried_bytes=near(Kind.CARRIED_BYTES, grows_with),
        grows_with=grows_with,
    )


def _checked(kinds: Mapping[Kind, Points]) -> Points:
    """Checks at every fitted size and rate, by ids: above a bare call the rate does not matter."""
    busy = (replace(point, x=point.ids) for point in fitted(kinds[Kind.BUSY_CHECK]))
    return (*fitted(kinds[Kind.CHECK]), *busy)


def _mean(values: Sequence[tuple[float, float]]) -> float:
    """Of values with weights."""
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)
