"""Changes rights while orders flow."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from grpc import aio

from loadtest.change.calls import Administration
from loadtest.change.history import History
from loadtest.change.oracle import NONE, Commit, Interval, Key, Right

ANY = Right(granted=True)
TOO_FEW = Right(granted=True, maximum=1)
RETRY_S = 0.05
SETTLE_S = 1.0
"""After a change that was asked for more than once: the time for an attempt that was given up, and
is still under way, to come too late for anything but itself."""
NARROWING = 0.25
"""Share of losses that leave a right, to too few."""
HASTE = 0.15
"""Share of changes that are followed by the next one at once, as by an administrator's mistake."""


class Changer:
    """Makes changes, each until it is acknowledged, and notes them."""

    def __init__(
        self, administration: Administration, history: History, clock: Callable[[], float]
    ) -> None:
        self._administration = administration
        self._history = history
        self._clock = clock

    async def change(self, key: Key, right: Right) -> None:
        """Let `key` have `right`.

        What was not acknowledged is asked for again: it may be done or not, and doing it twice is
        harmless. The revision that the last answer tells is then not the change's own.
        """
        begun = self._clock()
        revision: int | None = await self._asked(key, right)
        once = revision is not None
        while revision is None:
            await asyncio.sleep(RETRY_S)
            revision = await self._asked(key, right)
        when = Interval(begun, self._clock())
        self._history.commits.append(Commit(key, right, when, revision if once else None))
        if not once:
            await asyncio.sleep(SETTLE_S)

    async def _asked(self, key: Key, right: Right) -> int | None:
        """The revision of the change; None where it was not acknowledged."""
        try:
            return await self._administration.set(key.subject, [key.product_id], right)
        except aio.AioRpcError:
            return None


@dataclass(frozen=True, slots=True)
class Dwell:
    """How long a right stays as it is, in seconds: usually longer than any bound."""

    least_s: float
    most_s: float

    def draw(self, random: Random) -> float:
        """One time."""
        if random.random() < HASTE:
            return random.uniform(0.0, 0.3)
        return random.uniform(self.least_s, self.most_s)


def next_right(right: Right, random: Random) -> Right:
    """What comes after `right`."""
    if not right.granted:
        return ANY
    if right.maximum:
        return NONE if random.random() < 0.5 else ANY
    return TOO_FEW if random.random() < NARROWING else NONE


class Churn:
    """Changes in the background: rights of customers who order nothing."""

    def __init__(
        self,
        administration: Administration,
        subjects: Sequence[str],
        product_ids: Sequence[str],
        *,
        changes_per_s: float,
    ) -> None:
        self._administration = administration
        self._subjects = subjects
        self._product_ids = product_ids
        self._pause_s = len(product_ids) / changes_per_s if changes_per_s > 0 else None
        self.made = 0
        """Changes that were acknowledged."""

    async def run(self) -> None:
        """Give and take until cancelled; all products of a subject are one call."""
        loop = asyncio.get_running_loop()
        due, turn = loop.time(), 0
        while self._pause_s:
            subject = self._subjects[turn // 2 % len(self._subjects)]
            await self._once(subject, NONE if turn % 2 else ANY)
            turn += 1
            # What was missed while products was away is not made up for.
            due = max(due + self._pause_s, loop.time() - 1)
            await asyncio.sleep(due - loop.time())

    async def _once(self, subject: str, right: Right) -> None:
        try:
            await self._administration.set(subject, self._product_ids, right)
        except aio.AioRpcError:
            await asyncio.sleep(RETRY_S)
        else:
            self.made += len(self._product_ids)
