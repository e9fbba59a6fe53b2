"""Different versions on both sides: who can read whom, and what a roll does to orders."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from client.carriers.table import CARRIERS
from loadtest.change.crowd.process import CrowdProcess
from loadtest.change.record import UnderChange
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.change.skew.matrix import matrix
from loadtest.change.skew.record import SkewResult
from loadtest.change.skew.roll import ROLLS, dwell_s, fleet, roll
from loadtest.profile import Profile
from loadtest.progress import Progress
from waybill.strategy import Strategy

START_S = 5.0
"""About what the start of the services takes."""
RESTART_S = 1.2
"""About what stopping and starting one of them takes."""


class Skew:
    """See `loadtest.change.frame.ChangeExperiment`. All strategies go through the same rolls.

    It is about those whose state travels. What the others depend on is the form of calls between
    services, which has one version; and to them a restart of products is an outage.
    """

    def planned(self, profile: Profile) -> Sequence[float]:
        knobs = profile.skew
        if knobs is None or not travelling(profile.strategies):
            return ()
        return (START_S, *(_seconds(order, knobs) for order in ROLLS))

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        """See `loadtest.change.frame.ChangeExperiment.run`."""
        knobs = profile.skew
        assert knobs is not None, "run only where it is planned"
        progress.step("skew: who reads whom", START_S)
        strategies = travelling(profile.strategies)
        met = asyncio.run(matrix(strategies))
        with fleet(folder, seed) as moving:
            job = moving.job(strategies, knobs, seed)
            with CrowdProcess(job, moving.shop.environ, folder) as crowd:
                rolled = []
                for order, moves in ROLLS.items():
                    progress.step(f"skew: {order}", _seconds(order, knobs))
                    time.sleep(knobs.back_s)
                    rolled.append(roll(order, moves, moving, knobs))
                outcomes = crowd.stop()
        for strategy in strategies:
            own = [outcome for outcome in outcomes if outcome.strategy == strategy]
            rolls = tuple(each.of(own, knobs.bucket_s) for each in rolled)
            result = SkewResult(strategy=strategy, matrix=tuple(met[strategy]), rolls=rolls)
            yield UnderChange(skew=(result,))


def travelling(strategies: Iterable[Strategy]) -> Sequence[Strategy]:
    """Those whose state travels."""
    return [strategy for strategy in strategies if CARRIERS[strategy].travels]


def _seconds(order: str, knobs: SkewKnobs) -> float:
    return knobs.back_s + sum(RESTART_S + dwell_s(move, knobs) for move in ROLLS[order])
