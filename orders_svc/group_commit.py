"""Group commit: one writer thread commits together what arrives while it is busy.

A durable commit waits for the disk (an fsync of a millisecond or so), whatever its size. Items that
arrive during one commit therefore share the next one: under load each pays a part of an fsync, and
a lone one waits for nobody. Nothing is delayed in the hope of company.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from waybill.errors import DeadlineSpent, ShuttingDown, TooManyCalls, Unavailable

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Outcome]):
    item: Item
    answer: "asyncio.Future[Outcome]"


class GroupCommit(Generic[Item, Outcome]):
    """Collects items of one event loop, and commits them in groups on a thread of its own.

    Args:
        commit: makes all given items durable in one transaction, or none, and returns one outcome
            for each in their order; an exception among the outcomes is raised to that caller alone.
            Raises `Unavailable` where the storage fails, which then fails the whole group. Anything
            else that it raises is blamed on one item: each is then committed alone. It must
            therefore be idempotent.
        max_group: items in one transaction; 1 turns grouping off.
        max_waiting: items that may wait; more are refused.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Sequence[Outcome | Exception]],
        *,
        max_group: int = 256,
        max_waiting: int = 1000,
    ) -> None:
        self._commit = commit
        self._max_group = max_group
        self._queue: queue.Queue[_Waiting[Item, Outcome] | None] = queue.Queue(max_waiting)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    async def submit(self, item: Item, time_left_s: float | None = None) -> Outcome:
        """Return the outcome of `item` once it is durable.

        Raises:
            DeadlineSpent: `time_left_s` passed first; the item may be committed all the same.
            TooManyCalls: too many items wait; this one will not be committed.
            ShuttingDown: `close` was called; likewise.
            Unavailable: the storage failed the transaction.
        """
        if self._closed:
            raise ShuttingDown
        if time_left_s is not None and time_left_s <= 0:
            raise DeadlineSpent
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Waiting(item, answer))
        except queue.Full:
            raise TooManyCalls("too many items wait for the writer") from None
        try:
            async with asyncio.timeout(time_left_s):
                return await answer
        except TimeoutError:
            raise DeadlineSpent("while it waited for its commit") from None

    async def close(self) -> None:
        """Take nothing more, commit what waits, and end the thread."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._queue.put, None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._next_group()
            if group:
                self._answer(group)

    def _next_group(self) -> tuple[list[_Waiting[Item, Outcome]], bool]:
        """Wait for one item and take what waits behind it; False after the last one of all."""
        group: list[_Waiting[Item, Outcome]] = []
        while len(group) < self._max_group and not (group and self._queue.empty()):
            waiting = self._queue.get()  # waits for the first only: this thread alone takes
            if waiting is None:
                return group, False
            group.append(waiting)
        return group, True

    def _answer(self, group: Sequence[_Waiting[Item, Outcome]]) -> None:
        outcomes = self._outcomes([waiting.item for waiting in group])
        answers = [waiting.answer for waiting in group]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            answers[0].get_loop().call_soon_threadsafe(_deliver, answers, outcomes)

    def _outcomes(self, items: Sequence[Item]) -> Sequence[Outcome | Exception]:
        try:
            return self._commit(items)
        except Unavailable as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - each caller is told; the thread must go on
            if len(items) == 1:
                return [error]
            return [outcome for item in items for outcome in self._outcomes([item])]


def _deliver(
    answers: Sequence["asyncio.Future[Outcome]"], outcomes: Sequence[Outcome | Exception]
) -> None:
    for answer, outcome in zip(answers, outcomes, strict=True):
        if answer.done():  # its caller has gone
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
