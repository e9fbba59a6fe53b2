"""One run of some work for all who ask for it at the same time.

Ten thousand callers that miss the same cache entry must not become ten thousand questions to the
service behind it. The first caller starts the work in a task of its own; whoever asks for the same
key while it runs waits for that task. So the work belongs to no caller: a cancelled leader takes
nothing from the others, and a failure is shared like a result is.

When the last waiter has gone, the work still runs to its end. Its answer is on the way already and
usually fills a cache; were it cancelled instead, callers with little patience and a slow upstream
would restart it for ever and never profit. The work must therefore bound itself (a timeout of its
own), and `SingleFlight.close` ends what is left at shutdown.

Not for use from several threads: one event loop owns a `SingleFlight`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from waybill.errors import DeadlineSpent, UpstreamUnavailable

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SingleFlight(Generic[Key, Result]):
    """Shares one running piece of work among the concurrent callers of its key."""

    def __init__(self) -> None:
        self._flights: dict[Key, asyncio.Task[Result]] = {}

    def __len__(self) -> int:
        """How many pieces of work run now."""
        return len(self._flights)

    async def run(
        self, key: Key, work: Callable[[], Awaitable[Result]], time_left_s: float | None = None
    ) -> Result:
        """The result of `work`, or of the work that runs for `key` already.

        Args:
            key: what makes two pieces of work the same.
            work: called only if nothing runs for `key`; must bound its own duration.
            time_left_s: how long this caller can wait, in seconds; None waits as long as it takes.

        Raises:
            DeadlineSpent: this caller's time is up. The work goes on for the others.
            UpstreamUnavailable: the work was cancelled, by `close` or from within.
            Exception: whatever the work raises, the same for all who wait.
        """
        if time_left_s is not None and time_left_s <= 0:
            raise DeadlineSpent
        task = self._flights.get(key)
        if task is None or task.done():
            task = self._start(key, work)
        # asyncio.wait, unlike shield or wait_for, never cancels the task and never mixes up
        # a TimeoutError of the work with one of the wait.
        done, _ = await asyncio.wait((task,), timeout=time_left_s)
        if not done:
            raise DeadlineSpent
        return _outcome(task)

    async def close(self) -> None:
        """Cancel what still runs and wait for its end; its waiters get `UpstreamUnavailable`."""
        tasks = tuple(self._flights.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: Key, work: Callable[[], Awaitable[Result]]) -> asyncio.Task[Result]:
        task = asyncio.get_running_loop().create_task(_awaited(work))
        self._flights[key] = task
        task.add_done_callback(lambda ended: self._landed(key, ended))
        return task

    def _landed(self, key: Key, task: asyncio.Task[Result]) -> None:
        if self._flights.get(key) is task:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # seen, so that work whose waiters all left warns of nothing


async def _awaited(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()


def _outcome(task: asyncio.Task[Result]) -> Result:
    """The task's result or exception; a cancelled task must not look like a cancelled waiter."""
    if task.cancelled():
        raise UpstreamUnavailable("the shared work was cancelled")
    return task.result()
