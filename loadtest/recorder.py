"""What a load generator saw of one phase."""

from collections import Counter
from collections.abc import Callable
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from loadtest.histogram import Latencies
from loadtest.tally import Part


class Observed(BaseModel):
    """One phase as its generator saw it; a value. Histograms are encoded, durations in seconds.

    Every intended arrival is answered well (`ok`), answered otherwise (`refused`, by code and
    reason), or was never sent since too many calls were in flight (`dropped`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    intended: int
    """Arrivals that were due."""
    ok: int
    """Accepted."""
    refused: dict[str, int]
    """Answered otherwise: by gRPC code, a space and the reason where the answer gives one."""
    dropped: int
    """Never sent: too many calls were in flight."""
    sending_s: float
    """From the beginning to the last call sent, at least the phase's length."""
    latency: str
    """Accepted calls, from the intended start to the answer."""
    service_time: str
    """Accepted calls, from the actual start to the answer."""
    refused_latency: str
    """Refused calls, from the intended start to the answer."""
    send_lag: str
    """All calls sent, from the intended to the actual start."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.answered + self.dropped != self.intended:
            raise ValueError("calls were lost: the counts do not add up to the intended arrivals")
        return self

    @property
    def answered(self) -> int:
        """Calls that got any answer."""
        return self.ok + sum(self.refused.values())

    @property
    def achieved_per_s(self) -> float:
        """Calls sent a second."""
        return self.answered / self.sending_s if self.sending_s else 0.0


class Recorder:
    """Counts one phase while it runs. `clock` is the clock of the times that it is given."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begin = clock()
        self._last_start = self._begin
        self._intended = self._ok = self._dropped = 0
        self._refused: Counter[str] = Counter()
        self._latency = Latencies()
        self._service_time = Latencies()
        self._refused_latency = Latencies()
        self._send_lag = Latencies()

    def drop(self) -> None:
        """An arrival that was not sent."""
        self._intended += 1
        self._dropped += 1

    def start(self, due: float) -> float:
        """An arrival that is being sent; returns when."""
        now = self._clock()
        self._intended += 1
        self._last_start = max(self._last_start, now)
        self._send_lag.record_s(now - due)
        return now

    def accept(self, due: float, started: float) -> None:
        """A call that was answered well, now."""
        now = self._clock()
        self._ok += 1
        self._latency.record_s(now - due)
        self._service_time.record_s(now - started)

    def refuse(self, due: float, refusal: str) -> None:
        """A call that was answered with a refusal, now."""
        self._refused[refusal] += 1
        self._refused_latency.record_s(self._clock() - due)

    def part(self) -> Part:
        """What was seen so far, while calls may still be open."""
        return Part(
            ok=self._ok,
            refused=dict(self._refused),
            dropped=self._dropped,
            latency=self._latency.encode(),
            service_time=self._service_time.encode(),
            refused_latency=self._refused_latency.encode(),
            send_lag=self._send_lag.encode(),
        )

    def observed(self, duration_s: float) -> Observed:
        """What was seen of a phase that was meant to last `duration_s`."""
        return Observed(
            intended=self._intended,
            ok=self._ok,
            refused=dict(self._refused),
            dropped=self._dropped,
            sending_s=max(duration_s, self._last_start - self._begin),
            latency=self._latency.encode(),
            service_time=self._service_time.encode(),
            refused_latency=self._refused_latency.encode(),
            send_lag=self._send_lag.encode(),
        )
