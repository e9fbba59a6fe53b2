"""What is timed: an operation of ours, and the primitive that it cannot do without."""

import time
from dataclasses import dataclass
from typing import TypeVar

from loadtest.bench.timing import Clock, Operation

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Contest:
    """One row of the benchmark. `size_bytes` is what travels; 0 where nothing does."""

    step: str
    strategy: str
    ids: int
    id_kind: str
    size_bytes: int
    floor_name: str
    operation: Operation
    floor: Operation
    clock: Clock = time.thread_time
    """What both are timed by, in seconds: CPU time, or the wall's for those that wait."""
    algorithm: str = ""
    """Of the signing key; empty where nothing is signed."""
