"""What a comparison's record says that the model of scale is computed from. Pure.

Every figure is of one cell and stays apart by rounds, so that their spread goes where it goes. CPU
of a check is what it costs above a bare health check of the same round, rate and services: what a
call costs by itself depends on the rate much more than on the strategy.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from random import Random
from statistics import median

from loadtest.judging import keeps_up
from loadtest.results import DIRECT, FLOOR, Experiment, Method, Sample
from loadtest.scale.fit import Point
from loadtest.summary import Floor, Setting, floors, others_s
from waybill.algorithms import DEFAULT_ALGORITHM


class Kind(Enum):
    """What a point says, in microseconds of CPU or in bytes, for one call of one strategy."""

    CHECK = auto()
    """Orders, above a bare call: state seen before, order only checked; by ids."""
    BUSY_CHECK = auto()
    """The same at one size, by calls a second."""
    PLACED = auto()
    """As CHECK, order placed durably; by ids."""
    FIRST = auto()
    """As CHECK, state never seen before; by ids."""
    FIRST_ELSEWHERE = auto()
    """What all others use for such a call."""
    LISTING = auto()
    """Products and store, above their rest, issuing included; by ids."""
    ORDER_BYTES = auto()
    """On the wire, both ways."""
    LISTING_BYTES = auto()
    CARRIED_BYTES = auto()
    """The request, nearly all of which is state."""
    JOURNEY = auto()
    """All services, above a bare call and the others' rest; by orders to a listing."""


Points = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them."""

    strategies: Mapping[str, Mapping[Kind, Points]]
    bare: Points
    """Orders' CPU of a bare call, in microseconds, by calls a second."""
    rest: Mapping[str, Point]
    """CPU seconds a second of a service that nobody calls, by service."""
    resident: Mapping[str, int]
    """Bytes of memory of a process, by service."""

    def drawn(self, random: Random) -> "Figures":
        """As they might have come out, by drawing from the rounds."""
        return replace(
            self,
            strategies={
                name: {kind: _drawn(points, random) for kind, points in kinds.items()}
                for name, kinds in self.strategies.items()
            },
            bare=_drawn(self.bare, random),
            rest={name: point.drawn(random) for name, point in self.rest.items()},
        )


def _drawn(points: Points, random: Random) -> Points:
    return tuple(point.drawn(random) for point in points)


def figures(samples: Iterable[Sample]) -> Figures:
    """Those of `samples` that can be believed, at the middle of all axes but ids and rate."""
    plain = [sample for sample in samples if _is_plain(sample)]
    under = floors(plain)
    names = sorted({sample.cell.row for sample in plain} - {FLOOR})
    return Figures(
        {name: dict(_kinds([s for s in plain if s.cell.row == name], under)) for name in names},
        _points(_floors_of(plain), lambda sample: sample.load.rate_per_s, _orders_us),
        dict(_rest(plain)),
        dict(_resident(plain)),
    )


def _is_plain(sample: Sample) -> bool:
    cell, observed = sample.cell, sample.measured.observed
    middle = cell.workers == 1 and cell.via == DIRECT and cell.algorithm == DEFAULT_ALGORITHM
    listed = not cell.grants or cell.fresh
    answered_well = observed.ok > observed.answered / 2 and bool(sample.measured.cpu_s)
    return (middle and listed and cell.id_kind == "sku") and (
        answered_well and not sample.saturated and sample.load.users == USERS
    )


USERS = 4
"""Customers of a cell in the middle of all axes."""

_OF: Mapping[Kind, tuple[Experiment, Method]] = {
    Kind.CHECK: (Experiment.COST, Method.VALIDATE),
    Kind.BUSY_CHECK: (Experiment.SATURATION, Method.VALIDATE),
    Kind.PLACED: (Experiment.COST, Method.PLACE),
    Kind.FIRST: (Experiment.COLD, Method.VALIDATE),
    Kind.FIRST_ELSEWHERE: (Experiment.COLD, Method.VALIDATE),
    Kind.LISTING: (Experiment.ISSUE, Method.LIST),
    Kind.ORDER_BYTES: (Experiment.COST, Method.VALIDATE),
    Kind.LISTING_BYTES: (Experiment.ISSUE, Method.LIST),
    Kind.CARRIED_BYTES: (Experiment.COST, Method.VALIDATE),
    Kind.JOURNEY: (Experiment.JOURNEY, Method.VALIDATE),
}
"""Where each kind is measured."""

Figure = Callable[[Sample, Floor], float | None]


def _kinds(mine: Sequence[Sample], under: Mapping[Setting, Floor]) -> Iterator[tuple[Kind, Points]]:
    for kind, (experiment, method) in _OF.items():
        found = [s for s in mine if s.experiment is experiment and s.cell.method is method]
        if experiment is Experiment.SATURATION:
            found = _kept_up(found)
        yield kind, _above(found, under, _FIGURES[kind], _PLACES.get(kind, _ids))


def _kept_up(rising: Sequence[Sample]) -> list[Sample]:
    """Those of rates that the service was equal to in every round."""
    slow = {sample.load.rate_per_s for sample in rising if not keeps_up(sample)}
    return [sample for sample in rising if sample.load.rate_per_s not in slow]


def _above(
    samples: Sequence[Sample],
    under: Mapping[Setting, Floor],
    figure: Figure,
    place: Callable[[Sample], float],
) -> Points:
    def of(sample: Sample) -> float | None:
        floor = under.get(Setting.of(sample))
        return figure(sample, floor) if floor else None

    return _points(samples, place, of)


def _points(
    samples: Iterable[Sample],
    place: Callable[[Sample], float],
    figure: Callable[[Sample], float | None],
) -> Points:
    """One for each place; rounds without the figure are left out."""
    rounds: dict[tuple[float, int], list[float]] = defaultdict(list)
    calls: dict[tuple[float, int], int] = defaultdict(int)
    for sample in samples:
        if (value := figure(sample)) is not None:
            at = place(sample), sample.cell.ids
            rounds[at].append(value)
            calls[at] += sample.measured.observed.answered
    return tuple(Point(at[0], tuple(rounds[at]), calls[at], at[1]) for at in sorted(rounds))


def _ids(sample: Sample) -> float:
    return sample.cell.ids


def _rate(sample: Sample) -> float:
    return sample.load.rate_per_s


def _floors_of(plain: Iterable[Sample]) -> list[Sample]:
    return [sample for sample in plain if sample.cell.row == FLOOR]


def _orders_us(sample: Sample) -> float | None:
    return sample.cpu_us("orders")


def _above_bare(sample: Sample, floor: Floor) -> float | None:
    used = sample.cpu_us("orders")
    return None if used is None else used - floor.orders_us


def _elsewhere(sample: Sample, floor: Floor) -> float:
    measured = sample.measured
    extra_s = others_s(sample) - floor.rest_load * measured.elapsed_s
    return extra_s / measured.observed.answered * 1e6


def _everywhere(sample: Sample, floor: Floor) -> float | None:
    above = _above_bare(sample, floor)
    return None if above is None else above + _elsewhere(sample, floor)


def _wire(sample: Sample, _floor: Floor) -> float | None:
    wire, answered = sample.measured.wire, sample.measured.observed.answered
    return (wire.up + wire.down) / answered if wire else None


def _request(sample: Sample, _floor: Floor) -> float:
    return sample.measured.request.total


_FIGURES: Mapping[Kind, Figure] = {
    Kind.CHECK: _above_bare,
    Kind.BUSY_CHECK: _above_bare,
    Kind.PLACED: _above_bare,
    Kind.FIRST: _above_bare,
    Kind.FIRST_ELSEWHERE: _elsewhere,
    Kind.LISTING: _elsewhere,
    Kind.ORDER_BYTES: _wire,
    Kind.LISTING_BYTES: _wire,
    Kind.CARRIED_BYTES: _request,
    Kind.JOURNEY: _everywhere,
}
_PLACES: Mapping[Kind, Callable[[Sample], float]] = {
    Kind.BUSY_CHECK: _rate,
    Kind.JOURNEY: lambda sample: sample.cell.orders_per_list,
}
"""Where a figure is drawn, if not at the ids carried."""


def _rest(plain: Sequence[Sample]) -> Iterator[tuple[str, Point]]:
    """Orders rests while products is asked for lists, and products while orders is for health."""
    for service, idle in (("orders", _asked_for_lists), ("products", _asked_for_health)):
        loads = tuple(
            sample.measured.cpu_s[service] / sample.measured.elapsed_s
            for sample in plain
            if idle(sample) and service in sample.measured.cpu_s
        )
        if loads:
            yield service, Point(0.0, loads)


def _asked_for_lists(sample: Sample) -> bool:
    return sample.cell.method is Method.LIST


def _asked_for_health(sample: Sample) -> bool:
    return sample.cell.row == FLOOR


def _resident(plain: Sequence[Sample]) -> Iterator[tuple[str, int]]:
    for service in ("orders", "products"):
        sizes = [s.measured.memory_bytes[service] for s in plain if s.measured.memory_bytes]
        if sizes:
            yield service, int(median(sizes))
