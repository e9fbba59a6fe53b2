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


class Patience:
    """How long a read waits, and how."""

    def __init__(
        self,
        wait_bound_s: float = 5.0,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Wait with `sleep`, which lets the time of `timer` pass, for `wait_bound_s` at most."""
        self._wait_bound_s = wait_bound_s
        self._timer = timer
        self._sleep = sleep

    async def until_reached(
        self, read: Callable[[], Awaitable[Mapping[str, Grant]]], time_left_s: float | None
    ) -> Mapping[str, Grant]:
        """What `read` answers, asked again while the revision is not reached and there is time.

        Raises:
            RevisionNotReached: shortly before the caller's time is up, or after the wait's bound.
        """
        left_s = self._wait_bound_s
        if time_left_s is not None:
            left_s = min(left_s, time_left_s - ANSWER_MARGIN_S)
        give_up_at = self._timer() + left_s
        while True:
            try:
                return await read()
            except RevisionNotReached:
                if self._timer() >= give_up_at:
                    raise
            await self._sleep(POLL_S)
