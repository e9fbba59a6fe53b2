"""The record of the skew experiment. Values only."""

from enum import StrEnum

from loadtest.change.timeline import Timeline
from loadtest.values import Value


class Result(StrEnum):
    """What becomes of orders where a producer and a consumer meet."""

    WORKS = "works"
    """Every decision is right."""
    REFUSED = "refused"
    """An order that should be accepted is refused, with a reason."""
    SILENTLY_WRONG = "silently wrong"
    """An order that should be refused is accepted, or at another price, and nothing says so."""


class Probe(Value):
    """One order, what should become of it by the grants at the source, and what did."""

    name: str
    """What it tries."""
    expected: str
    """`OK` and the price in micros, or `refused`."""
    got: str
    """`OK` and the price (`unknown` where the state quotes none), or code and reason."""
    result: Result
    """How one compares with the other."""


class Meeting(Value):
    """One producer's state before one consumer."""

    producer: str
    """The versions that it issues; `v2, new fields` adds what no reader knows."""
    consumer: str
    """The versions that it reads."""
    reader: str
    """tolerant, as the library's, or strict: refuses what it does not know."""
    result: Result
    """The worst of the probes."""
    reasons: tuple[str, ...]
    """Code and reason of each refusal that should not have been."""
    price_known: bool
    """Whether accepted orders have a price."""
    probes: tuple[Probe, ...]
    """The orders that were tried."""


class Way(StrEnum):
    """How processes with other versions take over."""

    RESTARTS = "restarts"
    """Each process is stopped and started anew; customers spread their calls over two of orders."""
    SPLIT = "traffic split"
    """Orders with the other versions runs beside the old one, and the mesh's edge sends it a
    growing part of all orders."""


class Step(Value):
    """One step of a roll."""

    name: str
    """What was started anew, and with which versions; or which part of orders went where."""
    at_s: float
    """When, since the begin of the roll's time line."""
    wanted: int
    """Orders that were due from then until the next step."""
    failed: dict[str, int]
    """Those that were not accepted, by code and reason."""


class Roll(Value):
    """Orders of one strategy while services were rolled from one version to the other and back."""

    way: Way = Way.RESTARTS
    """How the versions changed."""
    order: str
    """`readers first` as it should be, or `producer first`, the contrast."""
    steps: tuple[Step, ...]
    """In the order in which they were done."""
    wanted: int
    """Orders that were due in all steps."""
    failed: int
    """Those that were not accepted."""
    timeline: Timeline
    """Of all these orders."""

    @property
    def title(self) -> str:
        """What tells it from others, such as `readers first by restarts`."""
        return f"{self.order} by {self.way}"


class SkewResult(Value):
    """What different versions did to one strategy whose state travels."""

    strategy: str
    """A strategy's wire name."""
    matrix: tuple[Meeting, ...] = ()
    """Every producer's state before every consumer."""
    rolls: tuple[Roll, ...] = ()
    """One for each order of steps."""
