"""Changes the signing key while customers order, and others name keys that nobody has."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.change.crowd.process import CrowdProcess
from loadtest.change.crowd.values import Kind, Outcome
from loadtest.change.record import UnderChange
from loadtest.change.rotation.fetches import fetches, most_at_once
from loadtest.change.rotation.knobs import RotationKnobs
from loadtest.change.rotation.record import KeyFetch, RotationResult
from loadtest.change.settings import customers_job, customers_shop
from loadtest.change.timeline import Span, refusals, timeline
from loadtest.processes import Command, run
from loadtest.profile import Profile
from loadtest.progress import Progress
from loadtest.shop import ROOT, Shop

START_S = 5.0
"""About what the start of the services takes."""
LEAD_IN_S = 1.0


class Rotation:
    """See `loadtest.change.frame.ChangeExperiment`. All strategies go through the same changes."""

    def planned(self, profile: Profile) -> Sequence[float]:
        knobs = profile.rotation
        if knobs is None:
            return ()
        return (START_S + LEAD_IN_S, *([knobs.every_s] * knobs.rotations))

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        """See `loadtest.change.frame.ChangeExperiment.run`."""
        knobs = profile.rotation
        assert knobs is not None, "run only where it is planned"
        progress.step("rotation: start", START_S + LEAD_IN_S)
        with _shop(folder, seed) as shop:
            rates = {
                Kind.RETURNING: knobs.returning_per_s,
                Kind.NEW: knobs.new_per_s,
                Kind.FORGER: knobs.forged_per_s,
            }
            job = customers_job(shop, profile.strategies, rates, seed, knobs.list_again_s)
            with CrowdProcess(job, shop.environ, folder) as crowd:
                begin = time.time()
                time.sleep(LEAD_IN_S)
                rotated = [_rotate(shop, folder, knobs, progress) for _ in range(knobs.rotations)]
                span = Span(begin, time.time())
                outcomes = crowd.stop()
            with shop.orders.log.open(encoding="utf-8", errors="replace") as lines:
                fetched = tuple(fetches(lines, begin))
        for strategy in job.strategies:
            own = [outcome for outcome in outcomes if outcome.strategy == strategy]
            result = summed_up(strategy, own, span, rotated, fetched, knobs.bucket_s)
            yield UnderChange(rotation=(result,))


def _shop(folder: Path, seed: int) -> Shop:
    return customers_shop(
        folder,
        seed,
        products_env={"PRODUCTS_LOG_LEVEL": "warning"},
        orders_env={"ORDERS_LOG_LEVEL": "debug"},
    )


def _rotate(shop: Shop, folder: Path, knobs: RotationKnobs, progress: Progress) -> float:
    """Change the key as an operator does, and wait; when it was changed."""
    progress.step("rotation: another key", knobs.every_s)
    command = Command(
        name="rotate-keys",
        argv=(sys.executable, "-m", "products_svc", "rotate-keys"),
        environ=shop.environ,
        cwd=ROOT,
        folder=folder,
    )
    run(command)
    changed_at = time.time()
    time.sleep(knobs.every_s)
    return changed_at


def summed_up(
    strategy: str,
    outcomes: Sequence[Outcome],
    span: Span,
    rotated: Sequence[float],
    fetched: Sequence[KeyFetch],
    bucket_s: float,
) -> RotationResult:
    """What became of one strategy's orders. Times in seconds since the Unix epoch."""
    wanted = [each for each in outcomes if each.kind != Kind.FORGER]
    forged = [each for each in outcomes if each.kind == Kind.FORGER]
    return RotationResult(
        strategy=strategy,
        rotated_s=tuple(at - span.begin for at in rotated),
        wanted=len(wanted),
        failed=refusals(wanted),
        timeline=timeline(wanted, span, bucket_s),
        forged=len(forged),
        forged_served=sum(each.served for each in forged),
        forged_refused=refusals(forged),
        fetches=tuple(fetched),
        most_in_30_s=most_at_once(fetched),
    )
