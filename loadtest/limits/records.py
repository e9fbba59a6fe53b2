"""What a measurement says: values that go to JSON and back."""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from loadtest.limits.asks import Outcome


class Direction(StrEnum):
    """Which header is filled."""

    REQUEST = "request"
    INITIAL = "initial"  # the response's headers
    TRAILING = "trailing"  # the response's trailers


class Shape(StrEnum):
    """How it is filled."""

    SINGLE = "single"  # one entry; the size is that of its value
    TOTAL = "total"  # 16 entries; the size is that of all values
    MANY = "many"  # 48 entries; beside TOTAL it tells what an entry itself counts
    COUNT = "count"  # entries of one byte; the size is their number


TOTAL_ENTRIES = 16
MANY_ENTRIES = 48


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the caller saw at one size above the limit."""

    at: int
    end: str
    http: int | None
    grpc: int | None
    error: int | None
    text: str
    held_ms: float
    innocents: int
    innocents_lost: int
    connection_lost: bool
    silently_altered: bool

    @classmethod
    def of(cls, at: int, outcome: Outcome) -> Self:
        """The refusal that `outcome` is."""
        return cls(
            at=at,
            end=outcome.end,
            http=outcome.http,
            grpc=outcome.grpc,
            error=outcome.error,
            text=outcome.text[:200],
            held_ms=outcome.held_ms,
            innocents=outcome.innocents,
            innocents_lost=outcome.innocents_lost,
            connection_lost=outcome.connection_lost,
            silently_altered=outcome.silently_altered,
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """One measured limit. `largest` is in bytes of values, or entries for the shape `count`."""

    direction: Direction
    shape: Shape
    first: bool
    huffman: bool
    largest: int
    at_least: bool = False
    """The search ended at its bound, and `largest` is no limit."""
    never_from: int | None = None
    """Where chance decides: `largest` passed always, from here on nothing did."""
    reopened: int | None = None
    list_bytes: int = 0
    """Header list size at `largest` as it was sent, with 32 bytes for each entry; 0 if unknown."""
    list_entries: int = 0
    refusals: tuple[Refusal, ...] = ()

    @property
    def random(self) -> bool:
        return self.never_from is not None

    @property
    def kind(self) -> tuple[Direction, Shape, bool, bool]:
        """What tells it from the other limits of its subject."""
        return self.direction, self.shape, self.first, self.huffman


@dataclass(frozen=True, slots=True)
class CallerView:
    """What a caller with a gRPC library saw of a request `at` bytes in one value."""

    client: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class RegionPoint:
    """How often one size was refused. `low` and `high` are the Wilson interval at 95 %."""

    list_bytes: int
    tries: int
    refused: int
    low: float
    high: float
    predicted: float

    @property
    def share(self) -> float:
        return self.refused / self.tries

    @property
    def fits(self) -> bool:
        return self.low <= self.predicted <= self.high


@dataclass(frozen=True, slots=True)
class RandomRegion:
    """The region in which refusal is random, beside the documented rule.

    Limits are header list sizes. `fitted_*` are maximum likelihood estimates; `stated_*` is what
    the refusals' own texts say.
    """

    direction: Direction
    points: tuple[RegionPoint, ...]
    fitted_soft: int
    fitted_hard: int
    stated_soft: int | None
    stated_hard: int | None
    held_ms: tuple[float, ...]
    """Smallest, 50 %, 95 % and largest time until a refusal arrived."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A header that the hop added, or replaced, in front of the next one."""

    name: str
    value_bytes: int


@dataclass(frozen=True, slots=True)
class Passed:
    """What the next hop sees of a small request. Sizes are header list sizes."""

    sent_bytes: int
    seen_bytes: int
    added: tuple[Addition, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything about one subject: a path of hops, a server or a client."""

    name: str
    version: str
    role: str
    limits: tuple[Limit, ...] = ()
    callers: tuple[CallerView, ...] = ()
    regions: tuple[RandomRegion, ...] = ()
    passed: Passed | None = None
    refused_by: tuple[tuple[str, str], ...] = ()
    """For a chain: which of its parts refused, by direction and shape."""
    announced_list_bytes: int | None = None
    """SETTINGS_MAX_HEADER_LIST_SIZE, if announced."""
    seconds: float = 0.0
    not_measured: str = ""
    """Why nothing was measured, and the command that helps."""

    def limit(
        self, direction: Direction, shape: Shape, *, first: bool = False, huffman: bool = False
    ) -> Limit | None:
        """The one limit of that kind, if it was measured."""
        wanted = (direction, shape, first, huffman)
        return next((one for one in self.limits if one.kind == wanted), None)


def to_json(value: Any) -> Any:
    """Plain lists and mappings of a record."""
    return dataclasses.asdict(value)
