"""Metrics of carried state, through OpenTelemetry's API. Without an SDK they cost next to nothing.

- `waybill.states`, counter of `{state}`: by `waybill.strategy`, `waybill.state.direction` and
  `waybill.state.version`, where states are issued and where a call relies on them.
- `waybill.state.age`, histogram of `s`: by strategy and version, where a call relies on a state.
- `waybill.state.size`, histogram of `By`: by strategy and direction, for each call that carries
  any; before compression, metadata as header list, envelopes and proofs.
- `waybill.state.refusals`, counter of `{refusal}`: by strategy, direction, `error.type`, which is
  the reason of the refusal, and `waybill.hop` where one is known.

All attributes have few values. Names follow OpenTelemetry's semantic conventions (general naming;
units after UCUM). `docs/observability.md` has the table of all instruments.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.trace import get_current_span
from opentelemetry.util.types import AnyValue

from waybill.errors import WaybillError
from waybill.metadata import STRATEGY, Entry, size_bytes
from waybill.providers import SCOPE, Providers
from waybill.strategy import Strategy
from waybill.values import State

__all__ = ["SCOPE", "StateMeter", "StateMetrics", "Way", "state_bytes", "state_metrics"]

STATES: Final = "waybill.states"
AGE: Final = "waybill.state.age"
SIZE: Final = "waybill.state.size"
REFUSALS: Final = "waybill.state.refusals"

AGE_BOUNDARIES_S: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400)
"""Up to the longest time to live that products issues."""

BOUNDARIES: Final = (
    *(256, 512, 1024, 2048, 4096, 7168, 8192, 16384, 32768, 61440),
    *(131072, 524288, 1048576, 4194304),
)
"""Of the sizes, in bytes: the common limits of hops, and of messages."""

PREFIX: Final = "waybill-"
"""Of the metadata keys of the library; all but that of the strategy carry state."""

_PREFIX_LENGTH = len(PREFIX)
_Attributes = dict[str, AnyValue]


class Way(StrEnum):
    """Where state was when it was counted."""

    ISSUED = "issued"
    CARRIED = "carried"
    """By the client, into a call."""
    READ = "read"
    """From a call: sizes before anything of it is believed, states when it is relied upon."""


class StateMetrics:
    """The instruments. One a process is enough: see `state_metrics`."""

    def __init__(self, providers: Providers = Providers()) -> None:  # noqa: B008 -- a frozen value
        meter = providers.meter()
        self.states = meter.create_counter(
            STATES, unit="{state}", description="States issued, and relied upon by a call."
        )
        self.age = meter.create_histogram(
            AGE,
            unit="s",
            description="Age of a state when a call relies on it.",
            explicit_bucket_boundaries_advisory=AGE_BOUNDARIES_S,
        )
        self.size = meter.create_histogram(
            SIZE,
            unit="By",
            description="Size of the state that one call carries.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self.refusals = meter.create_counter(
            REFUSALS, unit="{refusal}", description="State refused, or that could not be had."
        )

    def of(
        self, strategy: Strategy, way: Way, clock: Callable[[], float] = time.time
    ) -> "StateMeter":
        """What counts the state of one strategy at one place; `clock` gives Unix seconds."""
        return StateMeter(self, strategy, way, clock)


class StateMeter:
    """Counts the state of one strategy at one place."""

    __slots__ = ("_age", "_attributes", "_clock", "_count", "_record", "_refuse", "_strategy")

    def __init__(
        self, metrics: StateMetrics, strategy: Strategy, way: Way, clock: Callable[[], float]
    ) -> None:
        self._record = metrics.size.record
        self._refuse = metrics.refusals.add
        self._count = metrics.states.add
        self._age = metrics.age.record
        self._clock = clock
        self._strategy = {"waybill.strategy": strategy.value}
        self._attributes = {**self._strategy, "waybill.state.direction": way.value}

    def carried(self, size_bytes: int) -> None:
        """One call carries so much; 0 is nothing to count."""
        if size_bytes:
            self._record(size_bytes, self._attributes)

    def issued(self, size_bytes: int, versions: Sequence[int]) -> None:
        """One answer carries so much, as a state of each of `versions`; 0 is nothing to count."""
        if size_bytes:
            self._record(size_bytes, self._attributes)
            for version in versions:
                self._count(1, {**self._attributes, "waybill.state.version": version})

    def relied_on(self, state: State[Any], version: int) -> None:
        """The current call relies on `state`; its span gets a link to the one of issuing."""
        self._count(1, {**self._attributes, "waybill.state.version": version})
        about: _Attributes = {**self._strategy, "waybill.state.version": version}
        self._age(max(0.0, self._clock() - state.issue_time), about)
        if state.minted_in is not None:
            link: _Attributes = {**about, "waybill.state.issuer": state.issuer}
            get_current_span().add_link(state.minted_in, link)

    def refused(self, refusal: WaybillError) -> None:
        """State was refused, or could not be had."""
        about = {**self._attributes, "error.type": refusal.reason}
        hop = refusal.facts.get("hop")
        self._refuse(1, {**about, "waybill.hop": hop} if hop else about)


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
