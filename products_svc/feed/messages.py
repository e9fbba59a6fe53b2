"""The feed's messages, made from what the store holds."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from google.protobuf.timestamp_pb2 import Timestamp

from products_svc.issuing import Grant
from products_svc.store.values import Beginning, Change, ChangeKind, Position, SubjectGrant
from shop.products.v1 import products_pb2 as pb


def grant_message(grant: Grant) -> pb.Grant:
    """One grant, as services see it."""
    return pb.Grant(
        product_id=grant.product_id,
        max_quantity=grant.max_quantity,
        unit_price_micros=grant.unit_price_micros,
    )


def change_message(change: Change) -> pb.Change:
    """One committed change."""
    message = pb.Change(
        revision=change.revision,
        subject=change.subject,
        commit_time=_timestamp(change.commit_time_us),
        nothing_lost=change.nothing_lost,
    )
    if change.kind is ChangeKind.GRANTED:
        message.granted.CopyFrom(grant_message(change.grant))
    else:
        message.revoked_product_id = change.grant.product_id
    return message


def snapshot_start(position: Position) -> pb.WatchAccessResponse:
    """A whole copy follows, as of `position`."""
    start = pb.SnapshotStart(revision=position.revision)
    return pb.WatchAccessResponse(epoch=position.epoch, snapshot_start=start)


def snapshot_grants(
    position: Position, piece: Sequence[SubjectGrant]
) -> Iterator[pb.WatchAccessResponse]:
    """One message for each subject in `piece`, which is ordered by subject."""
    for subject, owned in groupby(piece, attrgetter("subject")):
        grants = pb.SnapshotGrants(
            subject=subject,
            grants=[grant_message(each.grant) for each in owned],
            revision=position.revision,
        )
        yield pb.WatchAccessResponse(epoch=position.epoch, snapshot_grants=grants)


def snapshot_end(position: Position, grant_count: int) -> pb.WatchAccessResponse:
    """The copy is whole."""
    end = pb.SnapshotEnd(revision=position.revision, grant_count=grant_count)
    return pb.WatchAccessResponse(epoch=position.epoch, snapshot_end=end)


def changes_start(beginning: Beginning) -> pb.WatchAccessResponse:
    """Changes after `beginning` follow, without a copy."""
    start = pb.ChangesStart(
        revision=beginning.revision,
        newest_revision=beginning.newest,
        epoch_start_time=_start_time(beginning.epoch),
    )
    return pb.WatchAccessResponse(epoch=beginning.epoch, changes_start=start)


def change_batch(
    epoch: int, previous_revision: int, changes: Iterable[pb.Change]
) -> pb.WatchAccessResponse:
    """Consecutive changes right after `previous_revision`."""
    batch = pb.ChangeBatch(previous_revision=previous_revision, changes=changes)
    return pb.WatchAccessResponse(epoch=epoch, changes=batch)


def heartbeat(epoch: int, revision: int, looked_at: float) -> pb.WatchAccessResponse:
    """Nothing was newer than `revision` at `looked_at`, in seconds since the Unix epoch."""
    beat = pb.Heartbeat(
        revision=revision,
        send_time=_timestamp(int(looked_at * 1_000_000)),
        epoch_start_time=_start_time(epoch),
    )
    return pb.WatchAccessResponse(epoch=epoch, heartbeat=beat)


def _start_time(epoch: int) -> Timestamp:
    return _timestamp(epoch * 1000)  # an epoch is named after its start, in milliseconds


def _timestamp(microseconds: int) -> Timestamp:
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
