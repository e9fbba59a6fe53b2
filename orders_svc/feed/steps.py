"""What each event of the feed means for what is kept by it. Pure: no I/O, no clock.

What is kept, a copy most often, only ever moves forward: to a later revision of its epoch by
changes that follow on its own revision without a gap, or by a whole snapshot; to a higher epoch by
a snapshot only. Where no copy is kept, the start of recent changes does what a snapshot does.
Everything else is ignored and counted, or ends the stream so that the follower asks again. In
particular a source that comes back shorter, or under an older epoch, is never adopted: nothing of
it applies, no heartbeat confirms the copy, and the growing lag makes the copy unusable until the
source is right again or says that its history has started anew. Nor is a new history adopted in
which nobody is granted anything: a source that has lost its data looks just like that. The copy is
unusable then until the new history has a grant.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from shop.products.v1.products_pb2 import Change, Grant, Heartbeat, WatchAccessResponse


class Position(NamedTuple):
    """Where in which history; positions compare by epoch first. Epoch 0 is no history."""

    epoch: int
    revision: int


NOWHERE = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one stream has brought the copy.

    `wants_snapshot` says that the stream was asked to begin with one; `staging` is the position of
    the snapshot that is under way. `whole` says that a copy is kept: changes without one, or of a
    kind that is not known, are of no use to it.
    """

    position: Position
    wants_snapshot: bool = False
    staging: Position | None = None
    whole: bool = True

    @property
    def resume(self) -> Position:
        """What to ask the source for."""
        return NOWHERE if self.wants_snapshot else self.position


class Why(StrEnum):
    """Why an event is ignored."""

    DUPLICATE = "duplicate"  # the copy has it already: repeated, or late
    SHORTER = "shorter"  # a history of the same epoch that ends before the copy
    LOWER_EPOCH = "lower_epoch"
    STRAY = "stray"  # has no meaning here: a part without its start, or changes inside a snapshot
    UNKNOWN = "unknown"  # a kind of event that this reader does not know


class Trouble(StrEnum):
    """Why the stream cannot go on."""

    GAP = "gap"  # changes are missing between the copy and the event
    NEW_EPOCH = "new_epoch"  # the history has started anew
    MALFORMED = "malformed"  # changes out of order, or of a kind that this reader does not know
    MISMATCH = "mismatch"  # the end of a snapshot that is not the one that was started
    EMPTY = "empty"  # the history has started anew without a single grant


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing happens but a count."""

    why: Why


@dataclass(frozen=True, slots=True)
class BeginSnapshot:
    """Drop what is staged, if anything, and stage anew."""


@dataclass(frozen=True, slots=True)
class StageGrants:
    """Add grants of a subject to the staged snapshot, which is as of `revision`."""

    revision: int
    subject: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class CommitSnapshot:
    """Replace the copy by the staged snapshot, if that has exactly `grant_count` grants."""

    position: Position
    grant_count: int


@dataclass(frozen=True, slots=True)
class BeginChanges:
    """Changes after `position` follow; nothing is told of those before.

    `epoch_began_at` is in Unix seconds by the source's clock: what was known before is of another
    history.
    """

    position: Position
    epoch_began_at: float


@dataclass(frozen=True, slots=True)
class ApplyChanges:
    """Apply these changes in order; the copy is at `position` then."""

    position: Position
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class MarkComplete:
    """Nothing was missing at `looked_at`, in Unix seconds by the source's clock.

    None where the source does not say, which is then when it arrived.
    """

    looked_at: float | None = None


@dataclass(frozen=True, slots=True)
class StartOver:
    """End the stream; the copy lacks something. Ask again, for a snapshot or from its position."""

    trouble: Trouble
    from_snapshot: bool


Deed = BeginSnapshot | StageGrants | CommitSnapshot | BeginChanges | ApplyChanges | MarkComplete
"""What there is to do to the copy."""
Action = Deed | Ignore | StartOver
Step = tuple[Progress, Action]

_BEGINNINGS = frozenset({"snapshot_start", "changes_start"})


def step(progress: Progress, event: WatchAccessResponse) -> Step:
    """The progress after `event`, and what to do to the copy for it."""
    kind = event.WhichOneof("event")
    if kind is None:
        return progress, Ignore(Why.UNKNOWN)
    epoch = (progress.staging or progress.position).epoch
    if event.epoch < epoch or event.epoch <= NOWHERE.epoch:
        return progress, Ignore(Why.LOWER_EPOCH)
    if event.epoch > epoch and kind not in _BEGINNINGS:
        return progress, StartOver(Trouble.NEW_EPOCH, from_snapshot=True)
    return _STEPS[kind](progress, event)


def _snapshot_start(progress: Progress, event: WatchAccessResponse) -> Step:
    offered = Position(event.epoch, event.snapshot_start.revision)
    if offered < progress.position:
        return progress, Ignore(Why.SHORTER)
    if offered == progress.position and not progress.wants_snapshot:
        return progress, Ignore(Why.DUPLICATE)
    return replace(progress, staging=offered), BeginSnapshot()


def _snapshot_grants(progress: Progress, event: WatchAccessResponse) -> Step:
    if progress.staging is None:
        return progress, Ignore(Why.STRAY)
    part = event.snapshot_grants
    if part.revision not in (0, progress.staging.revision):
        return progress, Ignore(Why.STRAY)
    return progress, StageGrants(progress.staging.revision, part.subject, tuple(part.grants))


def _snapshot_end(progress: Progress, event: WatchAccessResponse) -> Step:
    if progress.staging is None:
        return progress, Ignore(Why.STRAY)
    ended = Position(event.epoch, event.snapshot_end.revision)
    if ended != progress.staging:
        return progress, StartOver(Trouble.MISMATCH, from_snapshot=True)
    grant_count = event.snapshot_end.grant_count
    if not grant_count and NOWHERE.epoch < progress.position.epoch < ended.epoch:
        return progress, StartOver(Trouble.EMPTY, from_snapshot=True)
    arrived = replace(progress, position=ended, wants_snapshot=False, staging=None)
    return arrived, CommitSnapshot(ended, grant_count)


def _changes_start(progress: Progress, event: WatchAccessResponse) -> Step:
    start, own = event.changes_start, progress.position
    if progress.whole:
        return progress, Ignore(Why.STRAY)
    if (event.epoch, start.newest_revision) < own:
        return progress, Ignore(Why.SHORTER)
    begins = Position(event.epoch, start.revision)
    # Of the same history something later may be known already; it stays known.
    arrived = replace(progress, position=max(begins, own), wants_snapshot=False, staging=None)
    return arrived, BeginChanges(begins, unix_s(start.epoch_start_time))


def _changes(progress: Progress, event: WatchAccessResponse) -> Step:
    if progress.staging is not None:
        return progress, Ignore(Why.STRAY)
    batch, own = event.changes, progress.position.revision
    if batch.previous_revision > own:
        return progress, StartOver(Trouble.GAP, from_snapshot=False)
    if not _is_sound(batch.previous_revision, batch.changes, of_any_kind=not progress.whole):
        return progress, StartOver(Trouble.MALFORMED, from_snapshot=True)
    new = tuple(change for change in batch.changes if change.revision > own)
    if not new:
        return progress, Ignore(Why.DUPLICATE)
    position = Position(event.epoch, new[-1].revision)
    return replace(progress, position=position), ApplyChanges(position, new)


def _is_sound(revision: int, changes: Iterable[Change], *, of_any_kind: bool) -> bool:
    """Whether the changes rise from `revision`, and say what they change."""
    for change in changes:
        if change.revision <= revision:
            return False
        if change.WhichOneof("kind") is None and not of_any_kind:
            return False
        revision = change.revision
    return True


def _heartbeat(progress: Progress, event: WatchAccessResponse) -> Step:
    if progress.staging is not None:
        return progress, Ignore(Why.STRAY)
    newest, own = event.heartbeat.revision, progress.position.revision
    if newest > own:
        return progress, StartOver(Trouble.GAP, from_snapshot=False)
    return progress, _confirmed(event.heartbeat) if newest == own else Ignore(Why.DUPLICATE)


def _confirmed(beat: Heartbeat) -> MarkComplete:
    if not beat.HasField("send_time"):
        return MarkComplete()
    return MarkComplete(unix_s(beat.send_time))


def unix_s(time: Timestamp) -> float:
    """Seconds since the Unix epoch."""
    return time.seconds + time.nanos / 1e9


_STEPS: Mapping[str, Callable[[Progress, WatchAccessResponse], Step]] = {
    "snapshot_start": _snapshot_start,
    "snapshot_grants": _snapshot_grants,
    "snapshot_end": _snapshot_end,
    "changes": _changes,
    "heartbeat": _heartbeat,
    "changes_start": _changes_start,
}
