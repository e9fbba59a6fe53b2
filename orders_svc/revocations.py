"""Follows the products service's changes for who lost something; the rest of them is let pass.

Each worker process follows for itself, into its own memory: a look-up then costs a fraction of a
microsecond and no lock, and there is nothing to share that could be stale, full or damaged.
"""

import time
from collections.abc import Callable, Mapping

from orders_svc.feed.follower import Follower
from orders_svc.feed.opening import open_recent
from orders_svc.feed.pace import Pace
from orders_svc.feed.steps import (
    NOWHERE,
    ApplyChanges,
    BeginChanges,
    BeginSnapshot,
    CommitSnapshot,
    Deed,
    MarkComplete,
    Position,
)
from orders_svc.products_client import ProductsClient
from orders_svc.settings import RevocationBy, Settings
from waybill.revocation import Behind, Revocations, RevocationTerms
from waybill.serving.health import Check
from waybill.serving.logs import make_logger

ISSUING_S = 30.0
"""How long it may take from reading a list to stamping the state that covers it."""


def revocations_of(settings: Settings, clock: Callable[[], float]) -> Revocations | None:
    """What will be known of revocations; None where state counts until it expires."""
    if settings.state_revocation is RevocationBy.EXPIRY:
        return None
    terms = RevocationTerms(
        max_lifetime_s=settings.state_max_lifetime_s,
        slack_s=2 * settings.clock_leeway_s + ISSUING_S,
        lag_bound_s=settings.state_revocation_lag_bound_s,
        behind=settings.state_revocation_behind,
        max_subjects=settings.state_revocation_max_subjects,
    )
    return Revocations(terms, clock)


def revocation_check(revocations: Revocations) -> Check:
    """A health check that fails while carried state is refused for want of knowledge."""

    async def check() -> str | None:
        refusing = revocations.terms.behind is Behind.REFUSE
        return revocations.problem or None if refusing else None

    return check


class RevocationSink:
    """Tells losses to `Revocations`. See `orders_svc.feed.follower.Sink`."""

    whole = False

    def __init__(self, revocations: Revocations) -> None:
        """`revocations` knows nothing yet."""
        self._revocations = revocations
        self._position = NOWHERE
        self._copy_began_at = 0.0

    async def position(self) -> Position:
        return self._position

    async def do(self, deed: Deed, at: float) -> None:
        match deed:
            case ApplyChanges(position, changes):
                for change in changes:
                    if not change.nothing_lost:
                        self._revocations.lose(change.subject, change.revision)
                self._position = position
            case MarkComplete():
                self._revocations.mark_complete(at)
            case BeginChanges(position, epoch_began_at):
                self._begin(position, epoch_began_at)
            case BeginSnapshot():  # a source that cannot do without, nor say when its epoch began
                self._copy_began_at = at
            case CommitSnapshot(position):
                self._begin(position, self._copy_began_at)

    async def mark_incomplete(self) -> None:
        self._revocations.mark_incomplete()

    async def discard_snapshot(self) -> None:
        """None is kept."""

    async def tidy(self) -> None:
        """What is no longer needed goes with each sign of life."""

    async def state(self) -> Mapping[str, object]:
        epoch, revision = self._position
        known = self._revocations
        return {"epoch": epoch, "revision": revision, "subjects": known.size, "lag_s": known.lag_s}

    def _begin(self, position: Position, epoch_began_at: float) -> None:
        self._revocations.begin(*position, epoch_began_at)
        self._position = max(self._position, position)


def revocation_follower(
    settings: Settings,
    client: ProductsClient,
    revocations: Revocations,
    clock: Callable[[], float] = time.time,
) -> Follower:
    """What follows `client`, or the log of the settings, for `revocations`, once it is run."""
    return Follower(
        open_recent(settings, client, revocations.terms.retention_s, clock),
        RevocationSink(revocations),
        name="revocations",
        log=make_logger(settings.log_level, service="orders"),
        pace=Pace.within(settings.state_revocation_lag_bound_s),
        clock=clock,
    )
