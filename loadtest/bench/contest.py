"""What is timed: an operation of ours, and the primitive that it cannot do without."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TypeVar

from loadtest.bench.timing import Operation

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


def finished(coroutine: Coroutine[object, object, Result]) -> Result:
    """The result of a coroutine that never waits, without an event loop around it.

    Raises:
        RuntimeError: it waited.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    coroutine.close()
    raise RuntimeError("the operation waited for something")
