"""Where a log of changes, which tells no start and no snapshot, is taken up. Pure but for waiting.

`WatchAccess` is asked for what comes after a revision, and answers for it. A log just holds what it
holds: its beginning may be gone, a message of it may be, and after a history that has started anew
the older one's end may still be there. Here it is seen whether, and from where, it can be followed.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from orders_svc.feed.steps import Position, unix_s
from shop.products.v1.products_pb2 import ChangesStart, WatchAccessResponse
from waybill.errors import HistoryCompacted

Events = AsyncGenerator[WatchAccessResponse, None]


@dataclass(frozen=True, slots=True)
class Stands:
    """Where the newest history of a log stands, and when its epoch began, in Unix seconds."""

    position: Position
    epoch_began_at: float


def stands(
    beat: WatchAccessResponse | None, changes: WatchAccessResponse | None, now: float
) -> Stands | None:
    """Where the log stands by its last heartbeat and its last changes; None if they do not say.

    Heartbeats of older senders do not say when the epoch began: `now` then, in Unix seconds, which
    ends all state that was issued before.
    """
    if beat is None or (changes is not None and changes.epoch > beat.epoch):
        return None
    position = Position(beat.epoch, beat.heartbeat.revision)
    if changes is not None:
        position = max(position, Position(changes.epoch, _up_to(changes)))
    told = beat.heartbeat.HasField("epoch_start_time")
    return Stands(position, unix_s(beat.heartbeat.epoch_start_time) if told else now)


async def going_on_from(position: Position, events: Events) -> Events:
    """`events`, if they go on from `position`.

    Those that are known already may come first. What is missing later on is for the follower to
    see.

    Raises:
        HistoryCompacted: the log holds no longer, or never did, what follows on `position`.
    """
    joined = False
    async with aclosing(events):
        async for event in events:
            if not joined and event.epoch == position.epoch and _says_where(event):
                if _after(event) > position.revision:
                    raise HistoryCompacted("the log does not go on from there")
                joined = True
            yield event


async def begun(events: Events, newest: Stands) -> Events:
    """`events` of the newest history, with a `ChangesStart` before them, as `WatchAccess` has it.

    Where changes are missing on the way to where the log stood, nobody can tell them any more, and
    there is another `ChangesStart` behind them. What is missing later is for the follower to see.
    """
    known: int | None = None
    async with aclosing(events):
        async for event in events:
            if event.epoch < newest.position.epoch:
                continue
            if event.epoch == newest.position.epoch and _says_where(event):
                after = _after(event)
                if known is None or known < min(after, newest.position.revision):
                    yield _start(after, newest)
                    known = after
                known = max(known, _up_to(event))
            yield event


def _start(revision: int, newest: Stands) -> WatchAccessResponse:
    start = ChangesStart(revision=revision, newest_revision=max(revision, newest.position.revision))
    start.epoch_start_time.FromMicroseconds(int(newest.epoch_began_at * 1_000_000))
    return WatchAccessResponse(epoch=newest.position.epoch, changes_start=start)


def _says_where(event: WatchAccessResponse) -> bool:
    return event.WhichOneof("event") in ("changes", "heartbeat")  # others a later release may know


def _after(event: WatchAccessResponse) -> int:
    """The revision that one must have for `event` to be the next."""
    if event.HasField("heartbeat"):
        return event.heartbeat.revision
    return event.changes.previous_revision


def _up_to(event: WatchAccessResponse) -> int:
    """The revision that one has after `event`."""
    changes = event.changes.changes
    return changes[-1].revision if changes else _after(event)
