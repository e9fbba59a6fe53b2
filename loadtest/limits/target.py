"""Asking somebody's own path: politely, and without our code behind it."""

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from loadtest.limits.asks import HEALTH_METHOD, Ask, End, Outcome
from loadtest.limits.cases import Bench, Case, measure, succeeded
from loadtest.limits.client_process import ClientProcess, Prober, wire_command
from loadtest.limits.records import Direction, Limit, Measured, Shape

LIST_SETTING = 6
DEFAULT_MAX_BYTES = 128 * 1024
COUNT_BOUND = 1000


class NotAnswering(Exception):
    """The target does not answer a small call, so nothing can be said of large ones."""


class EnoughCalls(Exception):
    """The bound of calls or time is reached."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How much to ask of somebody else's service. `max_bytes` bounds one header."""

    max_calls: int = 300
    calls_per_s: float = 20.0
    max_s: float = 60.0
    max_bytes: int = DEFAULT_MAX_BYTES


class Polite:
    """A prober that keeps to its manners, over another one."""

    def __init__(
        self,
        inner: Prober,
        manners: Manners,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inner, self._manners = inner, manners
        self._clock, self._sleep = clock, sleep
        self._began = clock()
        self._calls = 0

    def run(self, ask: Ask) -> list[Outcome]:
        """Make the call when its time has come.

        Raises:
            EnoughCalls: no more are allowed.
        """
        due = self._began + self._calls / self._manners.calls_per_s
        self._calls += ask.times
        if self._calls > self._manners.max_calls or due - self._began > self._manners.max_s:
            raise EnoughCalls(f"{self._manners.max_calls} calls or {self._manners.max_s:g} s")
        self._sleep(max(0.0, due - self._clock()))
        return self._inner.run(ask)


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask, and how to reach it."""

    host: str
    port: int
    tls: bool = False
    ca: str | None = None
    method: str | None = None
    extra: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Target":
        """`host:port`, an IPv6 address in brackets.

        Raises:
            ValueError: it is not of that form.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"not host:port: {text!r}")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def is_this_machine(host: str) -> bool:
    """Whether all addresses of `host` are loopback ones.

    Raises:
        OSError: the name has no address.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)


def measure_target(target: Target, manners: Manners) -> Measured:
    """Measure what lies behind `target`; as much of it as manners allow.

    Raises:
        NotAnswering: it does not answer a small call.
    """
    command = wire_command(target.host, target.port, tls=target.tls, ca=target.ca)
    with ClientProcess(command) as process:
        bench, announced = introduce(target, Polite(process, manners))
        limits: list[Limit] = []
        not_measured = ""
        try:
            for case in _cases(bench, manners):
                limits.append(measure(bench, case))  # noqa: PERF401 - keeps those before the end
        except EnoughCalls as enough:
            not_measured = f"stopped at {enough}; raise --max-calls to go on"
        return Measured(
            name=str(target),
            version="",
            role="path",
            limits=tuple(limits),
            announced_list_bytes=announced,
            not_measured=not_measured,
        )


def introduce(target: Target, prober: Prober) -> tuple[Bench, int | None]:
    """Find out what to call, and what an answer looks like when the header is small.

    Raises:
        NotAnswering: there is no answer.
    """
    base = Ask(extra=target.extra, deadline_s=3.0)
    ours = prober.run(base)[0] if target.method is None else None
    if ours is not None and ours.passed:
        return Bench(prober, base), _announced(ours)
    base = replace(base, method=target.method or HEALTH_METHOD)
    small = prober.run(base)[0]
    if small.end is not End.ANSWERED:
        raise NotAnswering(f"{target} does not answer a small call: {small.end} {small.text}")

    def passed(outcome: Outcome) -> bool:
        """The same answer as to a small header: the header limits are behind it."""
        return (outcome.end, outcome.http, outcome.grpc) == (small.end, small.http, small.grpc)

    return Bench(prober, base, passed=passed, with_innocents=False), _announced(small)


def _cases(bench: Bench, manners: Manners) -> list[Case]:
    """Requests always; responses where the probe service stands behind the path."""
    directions = Direction if bench.passed is succeeded else (Direction.REQUEST,)
    bounds = {Shape.SINGLE: manners.max_bytes, Shape.TOTAL: manners.max_bytes}
    return [
        Case(direction, shape, bounds.get(shape, COUNT_BOUND))
        for direction in directions
        for shape in (Shape.SINGLE, Shape.TOTAL, Shape.COUNT)
    ]


def _announced(outcome: Outcome) -> int | None:
    return dict(outcome.settings).get(LIST_SETTING)
