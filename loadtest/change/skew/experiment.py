"""Different versions on both sides: who can read whom, and what a roll does to orders."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from client.carriers.table import CARRIERS
from loadtest.change.crowd.process import CrowdProcess
from loadtest.change.crowd.values import Outcome
from loadtest.change.record import UnderChange
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.change.skew.matrix import matrix
from loadtest.change.skew.moves import UPGRADES
from loadtest.change.skew.record import SkewResult, Way
from loadtest.change.skew.roll import Rolled, roll
from loadtest.profile import Profile
from loadtest.progress import Progress
from waybill.strategy import Strategy

LEAD_IN_S = 0.5
"""Orders that open connections, before any that count."""
START_S = 6.0 + LEAD_IN_S
"""About what the start of services and customers takes."""


class Skew:
    """See `loadtest.change.frame.ChangeExperiment`. All strategies go through the same rolls.

    It is about those whose state travels. What the others depend on is the form of calls between
    services, which has one version; and to them a restart of products is an outage.
    """

    def planned(self, profile: Profile) -> Sequence[float]:
        knobs = profile.skew
        if knobs is None or not travelling(profile.strategies):
            return ()
        planned: list[float] = []
        for upgrade in UPGRADES.values():
            planned += (START_S, *(upgrade.seconds(order, knobs) for order in upgrade.rolls))
        return planned

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        """See `loadtest.change.frame.ChangeExperiment.run`."""
        knobs = profile.skew
        assert knobs is not None, "run only where it is planned"
        strategies = travelling(profile.strategies)
        met = asyncio.run(matrix(strategies))
        rolled: list[Rolled] = []
        outcomes: list[Outcome] = []
        for way in UPGRADES:
            home = folder / way.replace(" ", "-")
            home.mkdir()
            made, seen = _upgraded(way, home, progress, strategies, knobs, seed)
            rolled += made
            outcomes += seen
        for strategy in strategies:
            own = [outcome for outcome in outcomes if outcome.strategy == strategy]
            rolls = tuple(each.of(own, knobs.bucket_s) for each in rolled)
            result = SkewResult(strategy=strategy, matrix=tuple(met[strategy]), rolls=rolls)
            yield UnderChange(skew=(result,))


def _upgraded(
    way: Way,
    folder: Path,
    progress: Progress,
    strategies: Sequence[Strategy],
    knobs: SkewKnobs,
    seed: int,
) -> tuple[list[Rolled], list[Outcome]]:
    """The rolls of one way of upgrading, and what became of all orders meanwhile."""
    upgrade = UPGRADES[way]
    progress.step(f"skew: {way}", START_S)
    with (
        upgrade.fleet(folder, seed) as fleet,
        CrowdProcess(fleet.job(strategies, knobs, seed), fleet.shop.environ, folder) as crowd,
    ):
        time.sleep(LEAD_IN_S)
        rolled = []
        for order, moves in upgrade.rolls.items():
            progress.step(f"skew: {order} by {way}", upgrade.seconds(order, knobs))
            rolled.append(roll(way, order, moves, fleet, knobs))
        return rolled, crowd.stop()


def travelling(strategies: Iterable[Strategy]) -> Sequence[Strategy]:
    """Those whose state travels."""
    return [strategy for strategy in strategies if CARRIERS[strategy].travels]
