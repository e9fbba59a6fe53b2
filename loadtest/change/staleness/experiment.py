"""The staleness experiment as a part of the comparison."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from client.carriers.table import CARRIERS
from loadtest.change.frame import ExperimentFailed
from loadtest.change.lanes import Lane, Revocation
from loadtest.change.oracle import Contradiction
from loadtest.change.record import UnderChange
from loadtest.change.staleness.knobs import StalenessKnobs
from loadtest.change.staleness.outcome import results
from loadtest.change.staleness.phase import Lab, Meanwhile, staleness_shop
from loadtest.profile import Profile
from loadtest.progress import Progress

START_S = 5.0
"""About what the services take to start."""


class Staleness:
    """See `loadtest.change.frame.ChangeExperiment`. All strategies at one shop at the same time.

    Then those whose state travels once more, at one that follows revocations.
    """

    def planned(self, profile: Profile) -> Sequence[float]:
        """See `ChangeExperiment.planned`."""
        return [START_S + seconds for seconds in _phases(profile).values()]

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        """See `ChangeExperiment.run`."""
        knobs = profile.staleness
        assert knobs is not None, "run only where it is planned"
        for revocation, seconds in _phases(profile).items():
            progress.step(f"staleness: {revocation}", START_S + seconds)
            lanes = _lanes(profile, knobs, revocation)
            home = folder / revocation
            home.mkdir()
            with staleness_shop(home, knobs.lifetimes, revocation, seed) as shop:
                phase = asyncio.run(Lab(shop, lanes, knobs, seed).run(_lasting(seconds)))
            try:
                yield UnderChange(staleness=tuple(results(phase)))
            except Contradiction as error:
                raise ExperimentFailed(f"staleness: {error}") from error


def _phases(profile: Profile) -> dict[Revocation, float]:
    """How long each lasts, in order."""
    knobs = profile.staleness
    if knobs is None:
        return {}
    phases = {Revocation.EXPIRY: knobs.duration_s, Revocation.WATERMARKS: knobs.watermarks_s}
    return {each: s for each, s in phases.items() if s and _lanes(profile, knobs, each)}


def _lanes(profile: Profile, knobs: StalenessKnobs, revocation: Revocation) -> list[Lane]:
    """Watermarks make a difference only to state that travels."""
    everything = revocation is Revocation.EXPIRY
    strategies = [each for each in profile.strategies if everything or CARRIERS[each].travels]
    return Lane.all_of(strategies, knobs.lifetimes, revocation)


def _lasting(seconds: float) -> Meanwhile:
    return lambda _history: asyncio.sleep(seconds)
