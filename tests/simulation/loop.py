"""An event loop without sockets and threads, whose time passes only when nothing is left to do."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any


class Deadlock(Exception):
    """Everybody waits, and nobody for the time."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs coroutines in no time. A sleep of an hour takes as long as the work that falls into it.

    What is given to an executor is run here, in order, after the delay of a disk; so a thread pool
    that is never started serves as the name of a thread.
    """

    def __init__(self, disk_s: Callable[[], float]) -> None:
        """`disk_s` draws how long a piece of work of an executor takes, in seconds above 0."""
        super().__init__()
        self._now = 0.0
        self._selector = self  # asyncio's own loop waits with `select` of this
        self._disk_s = disk_s
        self._free_at: dict[Any, float] = {}
        self._dead: list[Any] = []

    def time(self) -> float:
        """Seconds since this loop was made."""
        return self._now

    def select(self, timeout: float | None) -> Sequence[Any]:
        """Called when there is nothing to do for `timeout` seconds."""
        if timeout is None:
            raise Deadlock
        self._now += timeout
        return ()

    def run_in_executor(  # type: ignore[override]  # a future's type says no more here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Run `func` later, one after another of the same executor; never, once that is killed."""
        done: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            if executor in self._dead:
                return
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - as a thread hands any over
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)

        at = max(self._now, self._free_at.get(executor, 0.0)) + self._disk_s()
        self._free_at[executor] = at
        self.call_at(at, work)
        return done

    def kill(self, executor: Any) -> None:
        """Nothing that waits for the executor is done, nor anything given to it from now on."""
        self._dead.append(executor)

    def _process_events(self, event_list: Sequence[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""
