"""Runs blocking work on a few threads, so that it never holds the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from waybill.errors import StorageUnavailable

Args = ParamSpec("Args")
Result = TypeVar("Result")


class Threads:
    """A small pool of threads. Work that is cancelled before its turn never starts.

    `patience_s` is how long a caller waits, for a free thread and for the work; None for ever.
    """

    def __init__(self, count: int, name: str, patience_s: float | None = None) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._patience_s = patience_s

    async def run(
        self, work: Callable[Args, Result], *args: Args.args, **kwargs: Args.kwargs
    ) -> Result:
        """The result of `work(*args, **kwargs)`, or its exception.

        Raises:
            StorageUnavailable: it took too long; work that has begun goes on.
        """
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._pool, partial(work, *args, **kwargs))
        try:
            async with asyncio.timeout(self._patience_s):
                return await done
        except TimeoutError:
            raise StorageUnavailable(f"no answer within {self._patience_s:g} s") from None

    def start(self, work: Callable[[], object]) -> None:
        """Do `work` some time; nobody waits for it. Once closed, do it at once."""
        try:
            self._pool.submit(work)
        except RuntimeError:
            work()

    def close(self) -> None:
        """Wait for what runs, and take no more."""
        self._pool.shutdown(wait=True)
