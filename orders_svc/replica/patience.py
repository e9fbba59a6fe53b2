"""Waiting for a revision that the copy has not reached yet."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from orders_svc.access import Grant
from waybill.errors import RevisionNotReached

POLL_S = 0.01
"""How often a waiting read looks again, in seconds."""

ANSWER_MARGIN_S = 0.05
"""A waiting read gives up this much before the caller's deadline, so that the refusal arrives."""

MAX_WAITING = 250
"""Reads that wait at the same time. Each looks again and again, and holds a place among the calls:
who demands what will never come must not take all of them."""


class Patience:
    """How long a read waits, and how. Belongs to one event loop."""

    def __init__(
        self,
        wait_bound_s: float = 5.0,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """Wait with `sleep`, which lets the time of `timer` pass, for `wait_bound_s` at most."""
        self._waiting = 0
        self._max_waiting = max_waiting
        self._wait_bound_s = wait_bound_s
        self._timer = timer
        self._sleep = sleep

    async def until_reached(
        self, read: Callable[[], Awaitable[Mapping[str, Grant]]], time_left_s: float | None
    ) -> Mapping[str, Grant]:
        """What `read` answers, asked again while the revision is not reached and there is time.

        Raises:
            RevisionNotReached: shortly before the caller's time is up, after the wait's bound, or
                at once where too many wait.
        """
        left_s = self._wait_bound_s
        if time_left_s is not None:
            left_s = min(left_s, time_left_s - ANSWER_MARGIN_S)
        give_up_at = self._timer() + left_s
        try:
            return await read()
        except RevisionNotReached:
            if self._timer() >= give_up_at or self._waiting >= self._max_waiting:
                raise
        self._waiting += 1
        try:
            return await self._again_until(give_up_at, read)
        finally:
            self._waiting -= 1

    async def _again_until(
        self, give_up_at: float, read: Callable[[], Awaitable[Mapping[str, Grant]]]
    ) -> Mapping[str, Grant]:
        while True:
            await self._sleep(POLL_S)
            try:
                return await read()
            except RevisionNotReached:
                if self._timer() >= give_up_at:
                    raise
