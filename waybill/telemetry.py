"""Metrics of carried state, through OpenTelemetry's API. Without an SDK they cost next to nothing.

| Instrument | Kind, unit | Attributes |
|---|---|---|
| `waybill.state.size` | histogram, `By` | `waybill.strategy`, `waybill.state.direction` |
| `waybill.state.refusals` | counter, `{refusal}` | the same, and `waybill.hop` where one is known |

Sizes are before compression: metadata as header list, envelopes
and proofs. A call that carries nothing is
not counted. Refusals are those over a size budget. Names follow OpenTelemetry's semantic
conventions (general naming; units after UCUM).
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Final

from google.protobuf.message import Message
from opentelemetry.metrics import MeterProvider, get_meter

from waybill.errors import StateTooLarge
from waybill.metadata import STRATEGY, Entry, size_bytes
from waybill.strategy import Strategy

SCOPE: Final = "waybill"
SIZE: Final = "waybill.state.size"
REFUSALS: Final = "waybill.state.refusals"

BOUNDARIES: Final = (
    *(256, 512, 1024, 2048, 4096, 7168, 8192, 16384, 32768, 61440),
    *(131072, 524288, 1048576, 4194304),
)
"""Of the histogram's buckets: the common limits of hops, and of messages."""

PREFIX: Final = "waybill-"
"""Of the metadata keys of the library; all but that of the strategy carry state."""

_PREFIX_LENGTH = len(PREFIX)


class Way(StrEnum):
    """Where state was when it was counted."""

    ISSUED = "issued"
    CARRIED = "carried"
    """By the client, into a call."""
    READ = "read"
    """From a call, before anything of it is believed."""


class StateMetrics:
    """The instruments. One a process is enough: see `state_metrics`.

    Args:
        provider: what makes the meter; None for the process's own.
    """

    def __init__(self, provider: MeterProvider | None = None) -> None:
        meter = get_meter(SCOPE, meter_provider=provider)
        self.size = meter.create_histogram(
            SIZE,
            unit="By",
            description="Size of the state that one call carries.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self.refusals = meter.create_counter(
            REFUSALS, unit="{refusal}", description="State refused for its size."
        )

    def of(self, strategy: Strategy, way: Way) -> "StateMeter":
        """What counts the state of one strategy at one place."""
        return StateMeter(self, strategy, way)


class StateMeter:
    """Counts the state of one strategy at one place."""

    __slots__ = ("_attributes", "_record", "_refuse")

    def __init__(self, metrics: StateMetrics, strategy: Strategy, way: Way) -> None:
        self._record = metrics.size.record
        self._refuse = metrics.refusals.add
        self._attributes = {
            "waybill.strategy": strategy.value,
            "waybill.state.direction": way.value,
        }

    def carried(self, size_bytes: int) -> None:
        """One call carries so much; 0 is nothing to count."""
        if size_bytes:
            self._record(size_bytes, self._attributes)

    def refused(self, refusal: StateTooLarge) -> None:
        """State was refused for its size."""
        hop = refusal.facts.get("hop")
        self._refuse(1, {**self._attributes, "waybill.hop": hop} if hop else self._attributes)


@cache
def state_metrics() -> StateMetrics:
    """The instruments of the process's own provider, made when first asked for."""
    return StateMetrics()


def state_bytes(metadata: Iterable[Entry], *messages: Iterable[Message]) -> int:
    """What of a call is state, in bytes: the library's own metadata, envelopes and proofs."""
    own = [entry for entry in metadata if entry[0][:_PREFIX_LENGTH] == PREFIX]
    carried = [entry for entry in own if entry[0] != STRATEGY]
    size = size_bytes(carried) if carried else 0
    for each in messages:
        for message in each:
            size += message.ByteSize()
    return size
