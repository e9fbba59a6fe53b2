"""What all experiments under change leave in the record of a comparison."""

from typing import Self

from loadtest.change.outage.record import OutageResult
from loadtest.change.rotation.record import RotationResult
from loadtest.change.skew.record import SkewResult
from loadtest.change.staleness.record import StalenessResult
from loadtest.values import Value


class UnderChange(Value):
    """Results by experiment; an experiment that was not run has none."""

    staleness: tuple[StalenessResult, ...] = ()
    """How old the rights were that orders were decided on."""
    outage: tuple[OutageResult, ...] = ()
    """What services that were gone did to orders."""
    skew: tuple[SkewResult, ...] = ()
    """What different versions of producer and consumer did to orders."""
    rotation: tuple[RotationResult, ...] = ()
    """What changing keys did to orders."""

    @property
    def empty(self) -> bool:
        """Whether nothing was measured."""
        return self == type(self)()

    @property
    def strategies(self) -> frozenset[str]:
        """Wire names of all that took part in any experiment."""
        of_all = (self.staleness, self.outage, self.skew, self.rotation)
        return frozenset(each.strategy for results in of_all for each in results)

    def __add__(self, other: "UnderChange") -> Self:
        """The results of both."""
        mine, others = dict(self), dict(other)
        return type(self)(**{name: mine[name] + others[name] for name in mine})
