"""The staleness experiment as a part of the comparison."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.change.frame import ExperimentFailed
from loadtest.change.lanes import STATED, Clients, Lane, Lifetimes
from loadtest.change.oracle import Contradiction
from loadtest.change.record import UnderChange
from loadtest.change.staleness.knobs import StalenessKnobs
from loadtest.change.staleness.outcome import results
from loadtest.change.staleness.phase import PRODUCTS, Lab
from loadtest.profile import Profile
from loadtest.progress import Progress
from loadtest.setting import LAB_ORDERS_ENV, LAB_PRODUCTS_ENV
from loadtest.shop import Shop
from loadtest.stock import Stock
from waybill.strategy import Strategy

START_S = 5.0
"""About what the services take to start."""
EXPIRY = "expiry"
"""Carried state counts until it expires: there is nothing that takes it back."""


def lanes(strategies: Sequence[Strategy], lives: Lifetimes, variant: str) -> list[Lane]:
    """Every way in which customers use each of `strategies`."""
    return [
        Lane(strategy, clients, variant, STATED[strategy](lives))
        for strategy in strategies
        for clients in Clients.of(strategy)
    ]


class Staleness:
    """All strategies at one shop at the same time."""

    def planned(self, profile: Profile) -> Sequence[float]:
        """See `ChangeExperiment.planned`."""
        knobs = profile.staleness
        return [START_S + knobs.duration_s] if knobs else []

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        """See `ChangeExperiment.run`."""
        knobs = profile.staleness
        assert knobs, "planned says when"
        progress.step("staleness", self.planned(profile)[0])
        all_lanes = lanes(profile.strategies, knobs.lifetimes, EXPIRY)
        with _shop(folder, knobs, seed) as shop:
            phase = asyncio.run(Lab(shop, all_lanes, knobs, seed).run())
        try:
            yield UnderChange(staleness=tuple(results(phase)))
        except Contradiction as error:
            raise ExperimentFailed(f"staleness: {error}") from error


def _shop(folder: Path, knobs: StalenessKnobs, seed: int) -> Shop:
    lives = knobs.lifetimes
    return Shop(
        folder,
        products_env=LAB_PRODUCTS_ENV | lives.products_env,
        orders_env=LAB_ORDERS_ENV | lives.orders_env,
        stock=Stock(grants={"somebody": 1}, products=PRODUCTS, seed=seed),
    )
