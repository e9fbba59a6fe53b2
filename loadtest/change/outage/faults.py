"""What is done to which process, always by its id. Killed is SIGKILL, paused SIGSTOP."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil

from loadtest.change.frame import ExperimentFailed
from loadtest.change.outage.knobs import OutageKnobs
from loadtest.change.timeline import Span
from loadtest.processes import paused
from loadtest.shop import Shop

KILLED = "killed"
PAUSED = "paused"
WORKERS = 2
"""Of orders."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what is hit, how, for how many seconds, and for how many all is left alone then.

    `injected` does it for those seconds, undoes it, and returns from when to when it lasted.
    """

    target: str
    fault: str
    lasts_s: float
    settle_s: float
    injected: Callable[[Shop, float], Span]


class Restartable(Protocol):
    """What nobody starts again but whoever killed it."""

    def kill(self) -> None: ...
    def start_again(self) -> None: ...


def faults(knobs: OutageKnobs) -> Sequence[Fault]:
    """All of them, in the order in which they happen."""
    long, short = (knobs.long_s, knobs.long_settle_s), (knobs.short_s, knobs.short_settle_s)
    moment = (0.0, knobs.short_settle_s)
    return (
        Fault("products", KILLED, *long, lambda shop, s: _gone(shop.products, s)),
        Fault("products", PAUSED, *long, lambda shop, s: _pause(shop.products.pid, s)),
        Fault("follower", KILLED, *moment, lambda shop, _: _kill(follower_pid(shop))),
        Fault("follower", PAUSED, *long, lambda shop, s: _pause(follower_pid(shop), s)),
        Fault("store", KILLED, *short, lambda shop, s: _gone(shop.store, s)),
        Fault("store", PAUSED, *short, lambda shop, s: _pause(shop.store.pid, s)),
        # Paused first: customers of a killed worker go to the other one, and stay there.
        Fault("worker-1", PAUSED, *short, lambda shop, s: _pause(worker_pid(shop, 1), s)),
        Fault("worker-2", PAUSED, *short, lambda shop, s: _pause(worker_pid(shop, 2), s)),
        Fault("worker-1", KILLED, *moment, lambda shop, _: _kill(worker_pid(shop, 1))),
        Fault("worker-2", KILLED, *moment, lambda shop, _: _kill(worker_pid(shop, 2))),
    )


def _gone(service: Restartable, seconds: float) -> Span:
    """Killed, and started again after a while; it lasts until it takes calls."""
    begin = time.time()
    service.kill()
    time.sleep(seconds)
    service.start_again()
    return Span(begin, time.time())


def _pause(pid: int, seconds: float) -> Span:
    begin = time.time()
    with paused(pid):
        time.sleep(seconds)
    return Span(begin, time.time())


def _kill(pid: int) -> Span:
    """A moment: whoever looks after the process starts another."""
    os.kill(pid, signal.SIGKILL)
    now = time.time()
    return Span(now, now)


def follower_pid(shop: Shop) -> int:
    """The process that feeds the replica.

    Raises:
        ExperimentFailed: there is none.
    """
    return _child(shop, lambda child: child.cmdline()[-1:] == ["follow"], "follower")


def worker_pid(shop: Shop, number: int) -> int:
    """The process of one worker of orders.

    Raises:
        ExperimentFailed: there is none.
    """

    def is_it(child: psutil.Process) -> bool:
        serves = child.cmdline()[-1:] == ["serve"]
        return serves and child.environ().get("ORDERS_WORKER") == str(number)

    return _child(shop, is_it, f"worker {number}")


def _child(shop: Shop, is_it: Callable[[psutil.Process], bool], name: str) -> int:
    for child in psutil.Process(shop.orders.pid).children():
        if is_it(child):
            return child.pid
    raise ExperimentFailed(f"orders has no {name}; see its log:\n{shop.orders.tail()}")
