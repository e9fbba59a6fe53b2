"""One run of some work for all who ask for it at the same time.

Ten thousand callers that miss the same cache entry must not become ten thousand questions to the
service behind it. The first caller starts the work in a task of its own; whoever asks for the same
key while it is young waits for that task. So the work belongs to no caller: a cancelled leader
takes nothing from the others, and a failure is shared like a result is.

When the last waiter has gone, the work still runs to its end. Its answer is on the way already and
usually fills a cache; were it cancelled instead, callers with little patience and a slow upstream
would restart it for ever and never profit. The work must therefore bound itself (a timeout of its
own), and `SingleFlight.close` ends what is left at shutdown.

Whoever joins is answered as of when the work began. So work that began too long ago is not joined:
what was acknowledged since would be missed for as long as a slow service takes, beyond any time to
live that the answer has. Who comes then begins anew, and both run to their ends.

Not for use from several threads: one event loop owns a `SingleFlight`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from waybill.errors import DeadlineSpent, UpstreamUnavailable

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Flight(Generic[Result]):
    """Running work, and when it began by the clock."""

    task: asyncio.Task[Result]
    began_at: float


class SingleFlight(Generic[Key, Result]):
    """Shares one running piece of work among the concurrent callers of its key."""

    def __init__(self, joined_within_s: float, clock: Callable[[], float]) -> None:
        """Work is joined until `joined_within_s` seconds after it began: 0 never, inf always.

        Give how old an answer may be, such as the time to live of the cache that it fills. `clock`
        counts seconds and must not run backwards.
        """
        self._joined_within_s = joined_within_s
        self._clock = clock
        self._youngest: dict[Key, _Flight[Result]] = {}
        self._running: set[asyncio.Task[Result]] = set()

    def __len__(self) -> int:
        """How many pieces of work run now."""
        return len(self._running)

    async def run(
        self, key: Key, work: Callable[[], Awaitable[Result]], time_left_s: float | None = None
    ) -> Result:
        """The result of `work`, or of young work that runs for `key` already.

        Args:
            key: what makes two pieces of work the same.
            work: called only if there is nothing to join; must bound its own duration.
            time_left_s: how long this caller can wait, in seconds; None waits as long as it takes.

        Raises:
            DeadlineSpent: this caller's time is up. The work goes on for the others.
            UpstreamUnavailable: the work was cancelled, by `close` or from within.
            Exception: whatever the work raises, the same for all who wait.
        """
        if time_left_s is not None and time_left_s <= 0:
            raise DeadlineSpent
        task = self._joinable(key) or self._start(key, work)
        # asyncio.wait, unlike shield or wait_for, never cancels the task and never mixes up
        # a TimeoutError of the work with one of the wait.
        done, _ = await asyncio.wait((task,), timeout=time_left_s)
        if not done:
            raise DeadlineSpent
        return _outcome(task)

    async def close(self) -> None:
        """Cancel what still runs and wait for its end; its waiters get `UpstreamUnavailable`."""
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _joinable(self, key: Key) -> asyncio.Task[Result] | None:
        flight = self._youngest.get(key)
        if flight is None or flight.task.done():
            return None
        return flight.task if self._clock() - flight.began_at < self._joined_within_s else None

    def _start(self, key: Key, work: Callable[[], Awaitable[Result]]) -> asyncio.Task[Result]:
        began_at = self._clock()
        task = asyncio.get_running_loop().create_task(_awaited(work))
        self._youngest[key] = _Flight(task, began_at)
        self._running.add(task)
        task.add_done_callback(lambda ended: self._landed(key, ended))
        return task

    def _landed(self, key: Key, task: asyncio.Task[Result]) -> None:
        self._running.discard(task)
        flight = self._youngest.get(key)
        if flight is not None and flight.task is task:
            del self._youngest[key]
        if not task.cancelled():
            task.exception()  # seen, so that work whose waiters all left warns of nothing


async def _awaited(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()


def _outcome(task: asyncio.Task[Result]) -> Result:
    """The task's result or exception; a cancelled task must not look like a cancelled waiter."""
    if task.cancelled():
        raise UpstreamUnavailable("the shared work was cancelled")
    return task.result()
