"""Where everybody writes down what happens, and what time it is."""

import asyncio

from tests.simulation.history import Happened, Jumped, Record

BEGAN = 1_800_000_000.0
"""The true time at which every history begins, in Unix seconds."""


class Notes:
    """The records of a history under way, and its two clocks."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._set_by = 0.0

    @property
    def at(self) -> float:
        """Seconds since the history began."""
        return asyncio.get_running_loop().time()

    def true_clock(self) -> float:
        """The clock of products, which is right."""
        return BEGAN + self.at

    def clock(self) -> float:
        """The clock of orders, which may be set."""
        return self.true_clock() + self._set_by

    def set_clock(self, seconds: float) -> None:
        """Somebody sets the clock of orders forward or back."""
        self._set_by += seconds
        self.records.append(Jumped(self.at, seconds))

    def set_clock_right(self) -> None:
        """As a time service does."""
        self.set_clock(-self._set_by)

    def happened(self, what: str) -> None:
        """For people."""
        self.records.append(Happened(self.at, what))
