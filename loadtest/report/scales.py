"""From values to positions on an axis, and where its ticks go."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Protocol

_STEPS = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 5, 7),
    (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
    tuple(tenth / 10 for tenth in range(10, 100)),
)
"""Ticks within a decade, from few to many."""
_ENOUGH_TICKS = 4
_MOST_TICKS = 8
_PADDING = 0.04
"""Of a logarithmic axis, left free at each end."""


class Scale(Protocol):
    """An axis from 0 (its lower end) to 1 (its upper end)."""

    def at(self, value: float) -> float:
        """The position of `value`, from 0 to 1 within the axis."""
        ...

    def ticks(self) -> Sequence[float]:
        """Values worth a tick, rising."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """Equal differences are equally long."""

    low: float
    high: float

    def at(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def ticks(self, about: int = _ENOUGH_TICKS) -> Sequence[float]:
        step = _round_step((self.high - self.low) / about)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Log:
    """Equal ratios are equally long. Both ends are over zero."""

    low: float
    high: float

    def at(self, value: float) -> float:
        return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))

    def ticks(self) -> Sequence[float]:
        found: list[float] = []
        for steps in _STEPS:
            found = self._stepped(steps)
            if len(found) >= _ENOUGH_TICKS:
                break
        return found[:: ceil(len(found) / _MOST_TICKS) or 1]

    def _stepped(self, steps: Sequence[float]) -> list[float]:
        decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        values = (step * 10.0**decade for decade in decades for step in steps)
        return [value for value in values if self.low <= value <= self.high]


@dataclass(frozen=True, slots=True)
class Tail:
    """Percentiles, so that each further nine is equally long: 90, 99, 99.9, up to `high`."""

    low: float
    high: float

    def at(self, value: float) -> float:
        begin, end = _nines(self.low), _nines(self.high)
        return (_nines(value) - begin) / (end - begin)

    def ticks(self) -> Sequence[float]:
        return [each for each in (50, 75, 90, 99, 99.9, 99.99) if self.low <= each <= self.high]


@dataclass(frozen=True, slots=True)
class Marked:
    """A scale with ticks of its own, such as the sizes that were measured."""

    scale: Scale
    values: Sequence[float]

    def at(self, value: float) -> float:
        return self.scale.at(value)

    def ticks(self) -> Sequence[float]:
        return self.values


def log_over(values: Sequence[float]) -> Log:
    """A logarithmic axis that holds all `values`, which are over zero, with some room."""
    low, high = min(values), max(values)
    if low == high:
        return Log(low / 2, high * 2)
    room = (high / low) ** _PADDING
    return Log(low / room, high * room)


def decades(values: Sequence[float]) -> Scale:
    """A logarithmic axis over all `values` with ticks at powers of ten only, if it has two."""
    scale = log_over(values)
    powers = [10.0**power for power in range(ceil(log10(scale.low)), floor(log10(scale.high)) + 1)]
    return Marked(scale, powers) if len(powers) > 1 else scale


def from_zero(values: Sequence[float]) -> Linear:
    """A linear axis from zero that holds all `values`, with some room."""
    return Linear(0.0, max([*values, 0.0]) * (1 + _PADDING) or 1.0)


def measured(values: Sequence[float]) -> Scale:
    """A logarithmic axis with a tick at each of `values` as far as they are apart enough."""
    scale = log_over(values)
    kept: list[float] = []
    for value in sorted(set(values)):
        if not kept or scale.at(value) - scale.at(kept[-1]) > 0.11:
            kept.append(value)
    return Marked(scale, kept)


def _nines(percentile: float) -> float:
    return -log10(1 - percentile / 100)


def _round_step(about: float) -> float:
    """The next larger of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** floor(log10(about))
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= about), 10 * power)
