"""The ways of upgrading: which fleet, and which steps in which order."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loadtest.change.skew.fleet import Fleet, behind_the_edge, side_by_side
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.change.skew.record import Way

RESTART_S = 1.2
"""About what stopping and starting a process takes."""


class Move(Protocol):
    """One step of a roll. Its text is what the step is called."""

    @property
    def takes_s(self) -> float:
        """About how long it takes to do."""
        ...

    def do(self, fleet: Fleet) -> None:
        """Do it.

        Raises:
            StartFailed, HopFailed: the fleet is not what it should be afterwards.
        """
        ...

    def dwell_s(self, knobs: SkewKnobs) -> float:
        """How long all stays as it is afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Restart:
    """A process starts anew: products, orders-1 or orders-2, with these versions."""

    process: str
    versions: str

    def __str__(self) -> str:
        return f"{self.process} v{self.versions.replace(',', ' and v')}"

    @property
    def takes_s(self) -> float:
        """See `Move`."""
        return RESTART_S

    def do(self, fleet: Fleet) -> None:
        """See `Move`."""
        fleet.restart(self.process, self.versions)

    def dwell_s(self, knobs: SkewKnobs) -> float:
        """See `Move`."""
        return knobs.issued_s if self.process == "products" else knobs.back_s


@dataclass(frozen=True, slots=True)
class Shift:
    """The new orders service gets this part of the orders; nothing starts anew."""

    percent: int

    def __str__(self) -> str:
        return f"{self.percent}% to new orders"

    @property
    def takes_s(self) -> float:
        """See `Move`."""
        return 0.0

    def do(self, fleet: Fleet) -> None:
        """See `Move`."""
        fleet.shift(self.percent)

    def dwell_s(self, knobs: SkewKnobs) -> float:
        """See `Move`."""
        return knobs.shifted_s


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A way of upgrading: the fleet that it needs, and its rolls by their order of steps.

    Each roll begins where the one before it ends.
    """

    fleet: Callable[[Path, int], AbstractContextManager[Fleet]]
    rolls: Mapping[str, Sequence[Move]]

    def seconds(self, order: str, knobs: SkewKnobs) -> float:
        """About how long a roll takes."""
        return sum(move.takes_s + move.dwell_s(knobs) for move in self.rolls[order])


READERS_FIRST = (
    *(Restart("orders-1", "1,2"), Restart("orders-2", "1,2"), Restart("products", "1,2")),
    *(Restart("products", "2"), Restart("products", "1")),
    *(Restart("orders-1", "1"), Restart("orders-2", "1")),
)
"""Up and back as it should be: nobody ever issues what somebody cannot read."""
PRODUCER_FIRST = (
    *(Restart("products", "2"), Restart("orders-1", "1,2"), Restart("orders-2", "1,2")),
    Restart("orders-1", "1"),
)
"""Up with the producer first, and back with a reader first: the contrast."""
GROWING = (Shift(10), Shift(50), Shift(100))
SPLIT_READERS_FIRST = (
    *(*GROWING, Restart("products", "2")),
    *(Restart("products", "1,2"), Shift(0)),
)
"""The same by traffic split: all orders go to the new service before products issues v2, and on the
way back products issues both before any order goes to the old one."""
SPLIT_PRODUCER_FIRST = (Restart("products", "2"), *GROWING)
"""The contrast: whatever still goes to the old service is lost."""
UPGRADES: Mapping[Way, Upgrade] = {
    Way.RESTARTS: Upgrade(
        side_by_side, {"readers first": READERS_FIRST, "producer first": PRODUCER_FIRST}
    ),
    Way.SPLIT: Upgrade(
        behind_the_edge,
        {"readers first": SPLIT_READERS_FIRST, "producer first": SPLIT_PRODUCER_FIRST},
    ),
}
"""All of them, in the order in which they run."""
