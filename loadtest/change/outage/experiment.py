"""Kills and pauses one process after another while customers order with all strategies."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.change.crowd.process import CrowdProcess
from loadtest.change.crowd.values import Job, Kind, Outcome
from loadtest.change.outage.analysis import Incident, Observed
from loadtest.change.outage.attempts import seen_calls
from loadtest.change.outage.faults import WORKERS, Fault, faults
from loadtest.change.outage.knobs import OutageKnobs
from loadtest.change.record import UnderChange
from loadtest.change.settings import customers_job, customers_shop
from loadtest.change.timeline import Span
from loadtest.profile import Profile
from loadtest.progress import Progress
from loadtest.shop import Shop

START_S = 6.0
"""About what the start of the services takes, and of products again."""
LEAD_IN_S = 1.0
"""Calls that fill caches, before any that count."""


class Outage:
    """See `loadtest.change.frame.ChangeExperiment`. All strategies go through the same faults."""

    def planned(self, profile: Profile) -> Sequence[float]:
        knobs = profile.outage
        if knobs is None:
            return ()
        return (START_S, *(fault.lasts_s + fault.settle_s for fault in faults(knobs)))

    def run(
        self, folder: Path, progress: Progress, profile: Profile, seed: int
    ) -> Iterator[UnderChange]:
        """See `loadtest.change.frame.ChangeExperiment.run`."""
        knobs = profile.outage
        assert knobs is not None, "run only where it is planned"
        progress.step("outage: start", START_S)
        with outage_shop(folder, seed) as shop:
            job = outage_job(shop, knobs, profile, seed)
            with CrowdProcess(job, shop.environ, folder) as crowd:
                time.sleep(knobs.before_s + LEAD_IN_S)
                incidents = [_happen(fault, shop, knobs, progress) for fault in faults(knobs)]
                outcomes = crowd.stop()
            yield from _results(shop, job, outcomes, incidents, knobs)


def outage_shop(folder: Path, seed: int) -> Shop:
    """Two workers of orders with the follower beside them, and logs that tell of every call."""
    return customers_shop(
        folder,
        seed,
        products_env={"PRODUCTS_LOG_LEVEL": "debug"},
        orders_env={"ORDERS_LOG_LEVEL": "debug", "ORDERS_FOLLOWER": "process"},
        orders_workers=WORKERS,
    )


def outage_job(shop: Shop, knobs: OutageKnobs, profile: Profile, seed: int) -> Job:
    """What the customers do."""
    rates = {
        Kind.RETURNING: knobs.returning_per_s,
        Kind.NEW: knobs.new_per_s,
        Kind.STRANGER: knobs.strangers_per_s,
    }
    return customers_job(shop, profile.strategies, rates, seed)


def _happen(fault: Fault, shop: Shop, knobs: OutageKnobs, progress: Progress) -> Incident:
    progress.step(f"outage: {fault.target} {fault.fault}", fault.lasts_s + fault.settle_s)
    cause = fault.injected(shop, fault.lasts_s)
    time.sleep(fault.settle_s)
    return Incident(
        fault.target,
        fault.fault,
        before=Span(cause.begin - knobs.before_s, cause.begin),
        during=cause,
        after=Span(cause.end, time.time()),
    )


def _results(
    shop: Shop,
    job: Job,
    outcomes: Sequence[Outcome],
    incidents: Sequence[Incident],
    knobs: OutageKnobs,
) -> Iterator[UnderChange]:
    orders_log, products_log = seen_calls(shop.orders.log), seen_calls(shop.products.log)
    for strategy in job.strategies:
        own = [outcome for outcome in outcomes if outcome.strategy == strategy]
        observed = Observed(strategy, own, orders_log, products_log)
        yield UnderChange(
            outage=tuple(
                observed.result(each, knobs.bucket_s, knobs.lasting_s) for each in incidents
            )
        )
