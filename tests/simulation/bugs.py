"""Mistakes that somebody could make, each planted where it would be made."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from orders_svc.feed import follower, pace, steps
from orders_svc.feed.steps import (
    NOWHERE,
    ApplyChanges,
    CommitSnapshot,
    MarkComplete,
    Position,
    Progress,
    StartOver,
    Step,
    Trouble,
)
from orders_svc.replica import reader, store
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.feed_kit import Products
from tests.simulation import world

right_step = steps.step


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake, how to make it, and the rules that must notice."""

    name: str
    plant: Callable[[pytest.MonkeyPatch], None]
    noticed_by: frozenset[str]

    def __str__(self) -> str:
        return self.name


def _instead_of_step(step: Callable[[Progress, WatchAccessResponse], Step]) -> Any:
    return lambda patch: patch.setattr(follower, "step", step)


def _off_by_one_resume(patch: pytest.MonkeyPatch) -> None:
    """Products resumes one change too late, and says that nothing is missing."""
    right = Products.changes_after

    def late(self: Products, after: int, batch: int = 3) -> Iterable[WatchAccessResponse]:
        events = list(right(self, after + 1, batch)) if self.revision > after + 1 else []
        for event in events[:1]:
            event.changes.previous_revision = after
        return events

    patch.setattr(Products, "changes_after", late)


def _drops_a_change(progress: Progress, event: WatchAccessResponse) -> Step:
    after, action = right_step(progress, event)
    if isinstance(action, ApplyChanges) and len(action.changes) > 1:
        return after, replace(action, changes=action.changes[1:])
    return after, action


def _applies_duplicates(progress: Progress, event: WatchAccessResponse) -> Step:
    if event.WhichOneof("event") == "changes" and event.epoch == progress.position.epoch:
        batch = tuple(event.changes.changes)
        if batch and event.changes.previous_revision <= progress.position.revision:
            position = Position(event.epoch, batch[-1].revision)
            return replace(progress, position=position), ApplyChanges(position, batch)
    return right_step(progress, event)


def _adopts_an_older_epoch(progress: Progress, event: WatchAccessResponse) -> Step:
    if event.epoch < progress.position.epoch and event.HasField("snapshot_start"):
        return right_step(Progress(NOWHERE, wants_snapshot=True), event)
    return right_step(progress, event)


def _adopts_an_empty_history(progress: Progress, event: WatchAccessResponse) -> Step:
    after, action = right_step(progress, event)
    if isinstance(action, StartOver) and action.trouble is Trouble.EMPTY:
        position = Position(event.epoch, event.snapshot_end.revision)
        return Progress(position), CommitSnapshot(position, 0)
    return after, action


def _passes_over_gaps(progress: Progress, event: WatchAccessResponse) -> Step:
    after, action = right_step(progress, event)
    if isinstance(action, StartOver) and action.trouble is Trouble.GAP and event.changes.changes:
        batch = tuple(event.changes.changes)
        position = Position(event.epoch, batch[-1].revision)
        return replace(progress, position=position), ApplyChanges(position, batch)
    return after, action


def _believes_a_heartbeat_ahead(progress: Progress, event: WatchAccessResponse) -> Step:
    after, action = right_step(progress, event)
    if isinstance(action, StartOver) and event.HasField("heartbeat"):
        return after, MarkComplete()
    return after, action


def _never_resumes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Progress, "resume", NOWHERE)


def _counts_from_arrival(progress: Progress, event: WatchAccessResponse) -> Step:
    """Late heartbeats, also those of earlier streams, pass for new ones."""
    after, action = right_step(progress, event)
    return after, MarkComplete() if isinstance(action, MarkComplete) else action


def _forgets_revokes(patch: pytest.MonkeyPatch) -> None:
    right = store._apply

    def wrong(txn: Any, change: Any) -> None:
        if change.HasField("granted"):
            right(txn, change)

    patch.setattr(store, "_apply", wrong)


def _is_lenient_with_the_lag(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(world, "READERS_BOUND_S", 4 * world.LAG_BOUND_S)


def _hides_missing_changes(patch: pytest.MonkeyPatch) -> None:
    """A gap does not make the copy unusable."""
    patch.setattr(store.ReplicaStore, "mark_incomplete", store.ReplicaStore.discard_snapshot)


def _answers_for_somebody_else(patch: pytest.MonkeyPatch) -> None:
    right = reader._read

    def wrong(txn: Any, _subject: str, product_ids: Sequence[str], revision: int) -> Any:
        return right(txn, "bob", product_ids, revision)

    patch.setattr(reader, "_read", wrong)


def _waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A stream that has gone silent is not given up."""
    patch.setattr(pace.Pace, "within", lambda _bound_s: pace.Pace(silence_s=1e6))


BUGS = tuple(
    Bug(name, plant, frozenset(noticed_by))
    for name, plant, *noticed_by in (
        ("off-by-one resume", _off_by_one_resume, "no_gap", "consistent", "truthful"),
        ("dropped change", _instead_of_step(_drops_a_change), "no_gap", "consistent", "truthful"),
        ("applied duplicate", _instead_of_step(_applies_duplicates), "unique", "no_gap"),
        ("adopted older epoch", _instead_of_step(_adopts_an_older_epoch), "ordered", "steady"),
        ("adopted emptiness", _instead_of_step(_adopts_an_empty_history), "never_emptied"),
        ("gap passed over", _instead_of_step(_passes_over_gaps), "no_gap", "consistent"),
        ("heartbeat ahead", _instead_of_step(_believes_a_heartbeat_ahead), "truly_fresh"),
        ("heartbeat from arrival", _instead_of_step(_counts_from_arrival), "truly_fresh"),
        ("never resumes", _never_resumes, "resumable"),
        ("forgotten revoke", _forgets_revokes, "consistent", "truthful"),
        ("another's answer", _answers_for_somebody_else, "truthful"),
        ("lenient lag bound", _is_lenient_with_the_lag, "fresh", "truly_fresh"),
        ("gap hidden", _hides_missing_changes, "whole"),
        ("endless patience", _waits_for_ever, "recovers"),
    )
)
