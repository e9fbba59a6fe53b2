"""Faults at random, by seed: a shop's processes are killed and paused, one at a time."""

import asyncio
from collections import Counter
from random import Random
from typing import NoReturn

import psutil

from loadtest.change.frame import ExperimentFailed
from loadtest.change.outage.faults import Fault, faults
from loadtest.change.outage.knobs import OutageKnobs
from loadtest.shop import Shop

SHORTEST_S, LONGEST_S = 0.1, 4.5
"""How long somebody is gone or paused; the longest is beyond every bound of the soak, so that what
wakes up holds nothing that may still count."""
SHORTEST_REST_S, LONGEST_REST_S = 0.5, 3.0
MOST_MISSED = 20
"""Faults in a row that meet nobody, since the last one is still being repaired."""


class Misfortune:
    """Harms a shop until it is cancelled, and counts what it did by target and fault."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self._shop = shop
        self._random = Random(f"misfortune/{seed}")  # noqa: S311 - repeatable, not secret
        self._choices = faults(OutageKnobs())
        self.done: Counter[str] = Counter()

    async def run(self) -> NoReturn:
        """One fault after another.

        Raises:
            StartFailed: what was killed did not come back.
            ExperimentFailed: there is nobody left to harm.
        """
        missed = 0
        while True:
            await asyncio.sleep(self._random.uniform(SHORTEST_REST_S, LONGEST_REST_S))
            fault = self._random.choice(self._choices)
            try:
                await self._happen(fault, self._random.uniform(SHORTEST_S, LONGEST_S))
                missed = 0
            except (ExperimentFailed, psutil.NoSuchProcess, ProcessLookupError):
                missed += 1
                if missed > MOST_MISSED:
                    raise

    async def _happen(self, fault: Fault, seconds: float) -> None:
        await asyncio.to_thread(fault.injected, self._shop, seconds)
        self.done[f"{fault.target} {fault.fault}"] += 1
