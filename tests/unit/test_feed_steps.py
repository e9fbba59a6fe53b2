"""What each event means, by the kind of trouble."""

import pytest

from orders_svc.feed.steps import (
    _STEPS,
    NOWHERE,
    ApplyChanges,
    BeginChanges,
    BeginSnapshot,
    CommitSnapshot,
    Ignore,
    MarkComplete,
    Position,
    Progress,
    StageGrants,
    StartOver,
    Trouble,
    Why,
    step,
)
from shop.products.v1.products_pb2 import Grant, WatchAccessResponse
from tests.feed_kit import (
    changes,
    changes_start,
    granted,
    heartbeat,
    part,
    revoked,
    snapshot_end,
    snapshot_start,
)

AT_5 = Progress(Position(2, 5))
STAGING_9 = Progress(Position(2, 5), wants_snapshot=True, staging=Position(2, 9))
COLD = Progress(NOWHERE, wants_snapshot=True)


def test_every_kind_of_event_has_its_step() -> None:
    kinds = WatchAccessResponse.DESCRIPTOR.oneofs_by_name["event"].fields
    assert set(_STEPS) == {field.name for field in kinds}


def test_a_snapshot_from_nothing() -> None:
    progress, action = step(COLD, snapshot_start(2, 9))
    assert (progress.staging, action) == ((2, 9), BeginSnapshot())
    grant = Grant(product_id="1")
    progress, action = step(progress, part(2, "ada", grant))
    assert action == StageGrants(9, "ada", (grant,))
    progress, action = step(progress, snapshot_end(2, 9, 1))
    assert progress == Progress(Position(2, 9))
    assert action == CommitSnapshot(Position(2, 9), 1)


def test_a_new_history_without_a_grant_is_not_adopted() -> None:
    progress, action = step(Progress(Position(2, 5), staging=Position(3, 0)), snapshot_end(3, 0, 0))
    assert progress.position == (2, 5)
    assert action == StartOver(Trouble.EMPTY, from_snapshot=True)


def test_the_last_grant_of_a_known_history_may_go() -> None:
    _, action = step(STAGING_9, snapshot_end(2, 9, 0))
    assert action == CommitSnapshot(Position(2, 9), 0)


def test_changes_that_follow() -> None:
    batch = (granted(6, "ada", "1"), revoked(7, "ada", "2"))
    progress, action = step(AT_5, changes(2, 5, *batch))
    assert progress.position == (2, 7)
    assert action == ApplyChanges(Position(2, 7), batch)


def test_of_an_overlapping_batch_only_the_new_part() -> None:
    new = granted(6, "ada", "2")
    _, action = step(AT_5, changes(2, 4, granted(5, "ada", "1"), new))
    assert action == ApplyChanges(Position(2, 6), (new,))


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (changes(2, 3, granted(4, "ada", "1"), granted(5, "ada", "2")), Why.DUPLICATE),
        (changes(2, 5), Why.DUPLICATE),
        (heartbeat(2, 4), Why.DUPLICATE),
        (snapshot_start(2, 5), Why.DUPLICATE),
        (snapshot_start(2, 4), Why.SHORTER),
        (snapshot_start(1, 99), Why.LOWER_EPOCH),
        (changes(1, 5, granted(6, "ada", "1")), Why.LOWER_EPOCH),
        (heartbeat(1, 99), Why.LOWER_EPOCH),
        (heartbeat(0, 5), Why.LOWER_EPOCH),
        (part(2, "ada", Grant()), Why.STRAY),
        (snapshot_end(2, 9, 0), Why.STRAY),
        (WatchAccessResponse(epoch=2), Why.UNKNOWN),
    ],
)
def test_ignored(event: WatchAccessResponse, why: Why) -> None:
    assert step(AT_5, event) == (AT_5, Ignore(why))


@pytest.mark.parametrize(
    ("event", "trouble", "from_snapshot"),
    [
        (changes(2, 6, granted(7, "ada", "1")), Trouble.GAP, False),
        (heartbeat(2, 6), Trouble.GAP, False),
        (heartbeat(3, 5), Trouble.NEW_EPOCH, True),
        (changes(3, 5, granted(6, "ada", "1")), Trouble.NEW_EPOCH, True),
        (changes(2, 5, granted(7, "ada", "1"), granted(6, "ada", "1")), Trouble.MALFORMED, True),
        (changes(2, 5, granted(5, "ada", "1")), Trouble.MALFORMED, True),
    ],
)
def test_ends_the_stream(event: WatchAccessResponse, trouble: Trouble, from_snapshot: bool) -> None:
    assert step(AT_5, event) == (AT_5, StartOver(trouble, from_snapshot))


def test_a_change_of_unknown_kind_is_not_skipped() -> None:
    change = granted(6, "ada", "1")
    change.ClearField("granted")
    _, action = step(AT_5, changes(2, 5, change))
    assert action == StartOver(Trouble.MALFORMED, from_snapshot=True)


def test_a_heartbeat_at_the_own_revision_confirms() -> None:
    assert step(AT_5, heartbeat(2, 5)) == (AT_5, MarkComplete())


def test_a_heartbeat_says_when_its_sender_looked() -> None:
    assert step(AT_5, heartbeat(2, 5, looked_at=12.5)) == (AT_5, MarkComplete(12.5))


@pytest.mark.parametrize(("revision", "stray"), [(0, False), (9, False), (8, True), (10, True)])
def test_a_part_of_another_snapshot_is_not_staged(revision: int, stray: bool) -> None:
    _, action = step(STAGING_9, part(2, "ada", Grant(product_id="1"), revision=revision))
    assert isinstance(action, Ignore if stray else StageGrants)


def test_an_epoch_of_zero_confirms_nothing() -> None:
    assert step(COLD, heartbeat(0, 0)) == (COLD, Ignore(Why.LOWER_EPOCH))


def test_a_wanted_snapshot_of_the_own_revision_is_taken() -> None:
    wanting = Progress(Position(2, 5), wants_snapshot=True)
    progress, action = step(wanting, snapshot_start(2, 5))
    assert (progress.staging, action) == ((2, 5), BeginSnapshot())


def test_even_a_wanted_snapshot_may_not_be_older() -> None:
    wanting = Progress(Position(2, 5), wants_snapshot=True)
    assert step(wanting, snapshot_start(2, 4)) == (wanting, Ignore(Why.SHORTER))


def test_a_snapshot_that_starts_again_is_staged_anew() -> None:
    progress, action = step(STAGING_9, snapshot_start(2, 10))
    assert (progress.staging, action) == ((2, 10), BeginSnapshot())


def test_an_end_of_another_snapshot() -> None:
    _, action = step(STAGING_9, snapshot_end(2, 8, 0))
    assert action == StartOver(Trouble.MISMATCH, from_snapshot=True)


@pytest.mark.parametrize("event", [changes(2, 5, granted(6, "ada", "1")), heartbeat(2, 5)])
def test_changes_wait_for_the_end_of_the_snapshot(event: WatchAccessResponse) -> None:
    assert step(STAGING_9, event) == (STAGING_9, Ignore(Why.STRAY))


WITHOUT_COPY = Progress(Position(2, 5), whole=False)


def test_changes_begin_without_a_copy() -> None:
    asking = Progress(NOWHERE, wants_snapshot=True, whole=False)
    progress, action = step(asking, changes_start(2, 7, 9, began_at=1.5))
    assert progress == Progress(Position(2, 7), whole=False)
    assert action == BeginChanges(Position(2, 7), 1.5)


@pytest.mark.parametrize(
    ("event", "position"),
    [
        (changes_start(2, 3, 5), Position(2, 5)),
        (changes_start(2, 8, 9), Position(2, 8)),
        (changes_start(3, 1, 2), Position(3, 1)),
    ],
    ids=["what is known stays known", "some are gone for good", "the history starts anew"],
)
def test_changes_begin_again(event: WatchAccessResponse, position: Position) -> None:
    progress, action = step(WITHOUT_COPY, event)
    assert progress.position == position
    assert isinstance(action, BeginChanges)


@pytest.mark.parametrize("event", [changes_start(2, 1, 4), changes_start(1, 9, 9)])
def test_a_dead_history_begins_nothing(event: WatchAccessResponse) -> None:
    progress, action = step(WITHOUT_COPY, event)
    assert progress is WITHOUT_COPY
    assert action in (Ignore(Why.SHORTER), Ignore(Why.LOWER_EPOCH))


@pytest.mark.parametrize("progress", [AT_5, COLD, STAGING_9])
def test_a_copy_cannot_begin_with_changes(progress: Progress) -> None:
    assert step(progress, changes_start(2, 9, 9)) == (progress, Ignore(Why.STRAY))


def test_without_a_copy_a_change_of_any_kind_will_do() -> None:
    change = granted(6, "ada", "1")
    change.ClearField("granted")
    _, action = step(WITHOUT_COPY, changes(2, 5, change))
    assert action == ApplyChanges(Position(2, 6), (change,))


def test_what_to_resume_from() -> None:
    assert AT_5.resume == (2, 5)
    assert Progress(Position(2, 5), wants_snapshot=True).resume == NOWHERE
