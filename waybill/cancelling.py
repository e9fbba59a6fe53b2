"""Cancellation that a library has lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeding_cancellation() -> Iterator[None]:
    """Raise CancelledError at the end, if it was asked for inside and did not come out.

    `asyncio.wait_for` of Python 3.11 swallows a cancellation that meets the result that it waits
    for (https://github.com/python/cpython/issues/86296, mended in 3.12), and some libraries swallow
    one on purpose, as nats-py does when it flushes. A loop around such a call would then go on for
    ever, and whoever has cancelled it would wait as long.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
