"""What is written down of a played history, in order. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orders_svc.access import Grant
from orders_svc.feed.steps import Position
from orders_svc.replica.records import Meta

Grants = Mapping[tuple[str, str], tuple[int, int]]
"""Maximum quantity and price by subject and product id."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Products is in this state from `at` on, in seconds of true time."""

    at: float
    position: Position
    grants: Grants


@dataclass(frozen=True, slots=True)
class Asked:
    """The follower, whose copy is at `copy`, asks for what comes after `resume`."""

    at: float
    copy: Position
    resume: Position


@dataclass(frozen=True, slots=True)
class Wrote:
    """The copy was written: `how` is staging, snapshot, changes, complete or incomplete.

    `revisions` are those of the changes. `meta` and `grants` are the whole copy afterwards.
    `clock` is the wall clock of orders.
    """

    at: float
    clock: float
    how: str
    revisions: Sequence[int]
    meta: Meta
    grants: Grants


@dataclass(frozen=True, slots=True)
class Answered:
    """A reader was told `found` of its subject's `asked` products, when the copy was `meta`."""

    at: float
    clock: float
    subject: str
    asked: Sequence[str]
    min_revision: int
    found: Mapping[str, Grant]
    meta: Meta


@dataclass(frozen=True, slots=True)
class Refused:
    """A reader was told that the copy cannot know."""

    at: float
    clock: float
    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """What keeps the copy came back without it."""

    at: float


@dataclass(frozen=True, slots=True)
class Jumped:
    """The clock of orders was set by so many seconds."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that a person wants to know when reading the history."""

    at: float
    what: str


Record = Committed | Asked | Wrote | Answered | Refused | Lost | Jumped | Happened


@dataclass(frozen=True, slots=True)
class History:
    """One played history. `healed_at` is when all trouble was over; `late_s` bounds the network."""

    seed: int
    records: Sequence[Record]
    lag_bound_s: float
    late_s: float
    healed_at: float
