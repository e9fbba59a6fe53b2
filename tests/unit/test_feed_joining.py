"""Where a log of changes is taken up: what it begins with, and what it does not go on from."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from orders_svc.feed.joining import Stands, begun, going_on_from, stands
from orders_svc.feed.recent import LoggedChanges
from orders_svc.feed.steps import Position
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.change_log import Log, LogReader
from tests.feed_kit import Products, changes, changes_start, heartbeat, revoked
from waybill.errors import HistoryCompacted, UpstreamUnavailable
from waybill.testing import FakeClock

NOW = 1_800_000_000.0
UNKNOWN = WatchAccessResponse(epoch=2)


def change(revision: int, epoch: int = 2) -> WatchAccessResponse:
    return changes(epoch, revision - 1, revoked(revision, "ada", "1"))


async def feed(*events: WatchAccessResponse) -> AsyncGenerator[WatchAccessResponse, None]:
    for event in events:
        yield event


async def all_of(events: AsyncGenerator[WatchAccessResponse, None]) -> list[WatchAccessResponse]:
    return [event async for event in events]


@pytest.mark.parametrize(
    ("beat", "newest", "found"),
    [
        (None, None, None),
        (None, change(5), None),
        (heartbeat(2, 5, NOW, 1.0), None, Stands(Position(2, 5), 1.0)),
        (heartbeat(2, 5, NOW, 1.0), change(7), Stands(Position(2, 7), 1.0)),
        (heartbeat(2, 5, NOW, 1.0), change(9, epoch=1), Stands(Position(2, 5), 1.0)),
        (heartbeat(1, 5, NOW, 1.0), change(2), None),
        (heartbeat(2, 5, NOW), None, Stands(Position(2, 5), NOW)),
    ],
    ids=[
        *("nothing", "no heartbeat", "quiet", "newer changes", "changes of an older epoch"),
        *("of a new epoch only changes", "an older sender"),
    ],
)
def test_where_a_log_stands(
    beat: WatchAccessResponse | None, newest: WatchAccessResponse | None, found: Stands | None
) -> None:
    assert stands(beat, newest, NOW) == found


@pytest.mark.parametrize(
    ("held", "start_revisions"),
    [
        ([change(4), change(5), heartbeat(2, 5)], [3]),
        ([heartbeat(2, 5), change(6)], [5]),
        ([change(1, epoch=1), heartbeat(1, 1), change(4), change(5)], [3]),
        ([change(2), change(5), heartbeat(2, 5)], [1, 4]),
        ([change(3), heartbeat(2, 5)], [2, 5]),
        ([UNKNOWN, change(4), change(5)], [3]),
    ],
    ids=[
        *("changes", "quiet", "after an older epoch", "a message is gone", "the last one is gone"),
        "a kind to come",
    ],
)
async def test_begins_behind_what_is_missing(
    held: Sequence[WatchAccessResponse], start_revisions: Sequence[int]
) -> None:
    told = await all_of(begun(feed(*held), Stands(Position(2, 5), 1.0)))
    starts = [event for event in told if event.HasField("changes_start")]
    assert starts == [changes_start(2, each, 5, 1.0) for each in start_revisions]
    assert [event for event in told if event not in starts] == [e for e in held if e.epoch == 2]


async def test_what_is_missing_later_is_for_the_follower_to_see() -> None:
    events = [change(5), heartbeat(2, 5), change(9)]
    told = await all_of(begun(feed(*events), Stands(Position(2, 5), 1.0)))
    assert told == [changes_start(2, 4, 5, 1.0), *events]


async def test_a_log_that_is_behind_says_how_far_it_reaches() -> None:
    """So that a follower who knows more does not begin with it."""
    told = await all_of(begun(feed(change(2), change(3)), Stands(Position(2, 3), 1.0)))
    assert told[0] == changes_start(2, 1, 3, 1.0)


async def test_a_new_epoch_is_for_the_follower_to_see() -> None:
    events = [change(5), change(1, epoch=3)]
    told = await all_of(begun(feed(*events), Stands(Position(2, 5), 1.0)))
    assert told[1:] == events


async def test_goes_on_after_what_is_known() -> None:
    events = [change(1, epoch=1), UNKNOWN, change(3), change(4), change(9)]
    assert await all_of(going_on_from(Position(2, 3), feed(*events))) == events


@pytest.mark.parametrize("event", [change(5), heartbeat(2, 4)], ids=["changes", "heartbeat"])
async def test_does_not_go_on(event: WatchAccessResponse) -> None:
    with pytest.raises(HistoryCompacted):
        await all_of(going_on_from(Position(2, 3), feed(UNKNOWN, event)))


async def test_a_log_is_taken_up_after_what_was_applied() -> None:
    """What is missing next shows at once then, and is not taken for missing within the stream."""
    clock, log = FakeClock(), Log()
    products = Products(epoch=2, clock=clock)

    @asynccontextmanager
    async def opened() -> AsyncIterator[LogReader]:
        yield LogReader(log)

    recent = LoggedChanges(opened, 60.0, clock)
    log.publish(products, clock())
    products.grant("ada", "1")
    log.publish(products, clock())
    with pytest.raises(UpstreamUnavailable):
        await all_of(recent.watch(0, 0))
    products.revoke("ada", "1")
    products.grant("ada", "2")
    log.publish(products, clock())
    log.lose(1)
    with pytest.raises(HistoryCompacted):
        await all_of(recent.watch(2, 1))
