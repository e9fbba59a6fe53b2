"""Measured points that no line was drawn through, and what the model says of them. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from loadtest.scale.figures import Kind
from loadtest.scale.fit import Point, held_out
from loadtest.scale.model import Between, Costs, Model, Models, Reading
from loadtest.scale.replicas import ReplicaPoints
from waybill.strategy import Strategy

OTHER_BYTES = 0.005
"""Part of all bytes that is in proportion to nothing here: HTTP/2's pings and window updates, and
the half-empty pages of a file."""

Find = Callable[[Reading], Point]
Predict = Callable[[Model], list[float]]


@dataclass(frozen=True, slots=True)
class Check:
    """One of them. `predicted` is where the measured value must lie in 95 of 100 cases."""

    what: str
    strategy: str
    """Empty for what all share."""
    measured: float
    predicted: Between

    @property
    def error(self) -> float:
        """Part by which the prediction is too high, negative where it is too low."""
        return self.predicted.value / self.measured - 1

    @property
    def holds(self) -> bool:
        """Whether the measured value lies there."""
        return self.measured in self.predicted


def checks(models: Models) -> Iterator[Check]:
    """All of them."""
    figures, replicas = models.measured.figures, models.measured.replicas
    for rate in _held(figures.bare):
        what = f"CPU of a bare call at {rate:,.0f}/s, µs"
        yield _check(models, what, "", _bare(rate), _predicted_bare(rate))
    for strategy in models.strategies:
        for each in _CALLS:
            points = figures.strategies[strategy][each.kind]
            for x in each.held(points):
                yield _of_call(models, strategy, each, x)
    yield from _of_replica(models, replicas)


@dataclass(frozen=True, slots=True)
class _Call:
    """A kind of points that are held out, all or some."""

    kind: Kind
    what: str
    predict: Callable[[Costs, Point], list[float]]
    """One value, or the ends of what it may be."""
    held: Callable[[Sequence[Point]], list[float]]


def _held(points: Sequence[Point]) -> list[float]:
    return [point.x for point in held_out(points)]


def _all(points: Sequence[Point]) -> list[float]:
    return [point.x for point in points]


def journey_us(costs: Costs, point: Point, asked: float) -> float:
    """CPU of all services for an order where `point.x` of them follow each listing.

    `asked` is which part of the orders is the first with what it goes by.
    """
    first_us = costs.first_us + costs.first_elsewhere_us
    listing_us = costs.listing.at(point.ids) / point.x
    return costs.check_us(point.ids) + first_us * asked + listing_us


def _journeys_us(costs: Costs, point: Point) -> list[float]:
    """Where answers are kept by product, between one question a listing and one an order."""
    parts = (1 / point.x, 1.0) if costs.first_by_product else (1 / point.x,)
    return [journey_us(costs, point, asked) for asked in parts]


def _order_bytes(costs: Costs, point: Point) -> list[float]:
    return _about(costs.bytes_of_order(point.x))


def _about(bytes_: float) -> list[float]:
    return [bytes_ * (1 - OTHER_BYTES), bytes_ * (1 + OTHER_BYTES)]


_CALLS = (
    _Call(
        Kind.CHECK,
        "CPU of a check of {x:,.0f} ids, µs above a bare call",
        lambda costs, point: [costs.check_us(point.x)],
        _held,
    ),
    _Call(
        Kind.BUSY_CHECK,
        "the same of {ids:,} at {x:,.0f}/s",
        lambda costs, point: [costs.check_us(point.ids)],
        _held,
    ),
    _Call(
        Kind.LISTING,
        "CPU of a listing of {x:,.0f}, µs",
        lambda costs, point: [costs.listing.at(point.x)],
        _held,
    ),
    _Call(
        Kind.JOURNEY,
        "CPU of an order of all services, a listing for {x:,.0f}, µs above a bare call",
        _journeys_us,
        _all,
    ),
    _Call(
        Kind.ORDER_BYTES,
        "bytes of an order with {x:,.0f} ids",
        _order_bytes,
        _held,
    ),
)


def _of_call(models: Models, strategy: str, call: _Call, x: float) -> Check:
    def measured(reading: Reading) -> Point:
        return _at(reading.figures.strategies[strategy][call.kind], x)

    point = measured(models.measured)

    def predicted(model: Model) -> list[float]:
        return call.predict(model.costs[strategy], point)

    what = call.what.format(x=x, ids=point.ids)
    return _check(models, what, strategy, measured, predicted)


def _of_replica(models: Models, replicas: ReplicaPoints) -> Iterator[Check]:
    name = Strategy.REPLICA.value
    for rate in _held(replicas.lag_ms):
        what = f"lag at {rate:,.0f} changes/s, 99th percentile, ms"
        yield _check(models, what, name, _lag(rate), _predicted_lag(rate))
    if len(replicas.file_bytes) > 2:
        grants = replicas.file_bytes[-1].x
        yield _check(
            models,
            f"bytes of a copy of {grants:,.0f} grants",
            name,
            lambda reading: reading.replicas.file_bytes[-1],
            lambda model: _about(model.replica.file_bytes.at(grants)),
        )
        yield _check(
            models,
            f"bootstrap of {grants:,.0f} grants, s",
            name,
            lambda reading: reading.replicas.bootstrap_s[-1],
            lambda model: [model.replica.bootstrap_s.at(grants)],
        )


def _lag(rate: float) -> Find:
    return lambda reading: _at(reading.replicas.lag_ms, rate)


def _predicted_lag(rate: float) -> Predict:
    return lambda model: [model.replica.lag_ms.at(rate)]


def _bare(rate: float) -> Find:
    return lambda reading: _at(reading.figures.bare, rate)


def _predicted_bare(rate: float) -> Predict:
    return lambda model: [model.bare.at(rate)]


def _at(points: Sequence[Point], x: float) -> Point:
    return next(point for point in points if point.x == x)


def _check(models: Models, what: str, strategy: str, find: Find, predict: Predict) -> Check:
    """The prediction's interval is that of the model and of the measured point together."""
    measured = find(models.measured).value
    drawn = [
        max(0.0, value + measured - find(each).value)
        for each in models.drawn
        for value in predict(each.model)
    ]
    value = mean(predict(models.measured.model))
    return Check(what, strategy, measured, Between.of(value, drawn))
