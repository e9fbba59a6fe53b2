"""Limits for state in metadata, and how much of them some entries use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from waybill.header_limits import Direction
from waybill.hop_directives import directive
from waybill.metadata import Entry, value_bytes


class Measure(StrEnum):
    """What a limit is about."""

    TOTAL = "all state entries"
    VALUE = "one value"
    ENTRIES = "number of entries"


class Load(NamedTuple):
    """The measures of some metadata entries; bytes as on the wire."""

    entries: int
    text_bytes: int
    """Of all names and values."""
    longest_bytes: int
    """Of one value."""

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Load":
        """The measures of `entries`."""
        values = [value_bytes(value) for _, value in entries]
        names = sum(len(name) for name, _ in entries)
        return cls(len(entries), names + sum(values), max(values, default=0))


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit for state, after what is reserved.

    A limit that was set by hand is no hop's: then `hop` is empty and `direction` None.
    """

    measure: Measure
    limit: int
    entry_bytes: int = 0
    hop: str = ""
    direction: Direction | None = None

    def found(self, load: Load) -> int:
        """How much of this measure `load` has, as the hop counts."""
        match self.measure:
            case Measure.TOTAL:
                return load.text_bytes + load.entries * self.entry_bytes
            case Measure.VALUE:
                return load.longest_bytes
            case Measure.ENTRIES:
                return load.entries

    def share(self, found: int) -> float:
        """How much of the cap `found` is; 1.0 is all of it."""
        if self.limit:
            return found / self.limit
        return math.inf if found else 0.0


@dataclass(frozen=True, slots=True)
class Use:
    """How much of one cap some entries use."""

    cap: Cap
    found: int
    load: Load

    @property
    def share(self) -> float:
        """1.0 is all of it."""
        return self.cap.share(self.found)

    @property
    def over(self) -> bool:
        """Whether the entries are refused."""
        return self.found > self.cap.limit

    @property
    def facts(self) -> dict[str, str]:
        """For an ErrorInfo, a log or a person; all public."""
        cap = self.cap
        if cap.measure is Measure.ENTRIES:
            own = {"entries": self.found, "max_entries": cap.limit, "bytes": self.load.text_bytes}
        else:
            own = {"bytes": self.found, "max_bytes": cap.limit}
        facts = {name: str(value) for name, value in own.items()}
        if cap.direction is None:
            return facts
        facts |= {"hop": cap.hop, "direction": cap.direction.value, "counted": cap.measure.value}
        if setting := directive(cap.hop, cap.direction):
            facts["directive"] = setting
        return facts
