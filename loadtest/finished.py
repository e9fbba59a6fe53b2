"""Running what is a coroutine only for those of its kind that wait."""

from collections.abc import Coroutine
from typing import TypeVar

Result = TypeVar("Result")


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
