"""How much header one hop lets through: the form of the table in `waybill.hop_limits`."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which header of a call."""

    REQUEST = "request"
    INITIAL = "initial"
    """Ahead of the answer."""
    TRAILING = "trailing"


class Role(StrEnum):
    """Where on a path something stands."""

    CLIENT = "client"
    PATH = "path"
    """Between the two; a measured chain of hops such as `envoy+haproxy`, too."""
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class HeaderLimits:
    """What passes for certain in one direction. None is a limit that was not found.

    A header passes if name, value and `entry_bytes` summed over all entries are at most
    `total_bytes`, each value at most `value_bytes`, and the entries at most `entries`. The pseudo
    headers count as entries.
    """

    total_bytes: int | None = None
    entry_bytes: int = 0
    value_bytes: int | None = None
    entries: int | None = None
    refused_above: int | None = None
    """Where chance or timing decides: between `total_bytes` and this some passes, above nothing."""

    @property
    def certain_bytes(self) -> int | None:
        """The total that can be relied on: never the region in which chance decides."""
        found = [each for each in (self.total_bytes, self.refused_above) if each is not None]
        return min(found, default=None)


@dataclass(frozen=True, slots=True)
class HopLimits:
    """What was measured of one subject. None is a direction in which it has no part."""

    version: str
    role: Role
    request: HeaderLimits | None = None
    initial: HeaderLimits | None = None
    trailing: HeaderLimits | None = None

    def of(self, direction: Direction) -> HeaderLimits | None:
        """The limits in one direction."""
        match direction:
            case Direction.REQUEST:
                return self.request
            case Direction.INITIAL:
                return self.initial
            case Direction.TRAILING:
                return self.trailing
