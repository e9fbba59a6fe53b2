"""The copy on disk: LMDB, one writer, any number of reading processes.

Each write is one transaction that also writes the description of the copy, so a reader sees the
data and its revision together, and a snapshot either not at all or whole. `metasync` is off and
`sync` on: a crash of the system may lose the last transaction, which the feed sends again, and
never the consistency of the file.

All methods but `grow` belong to one thread, the same for all (`writer.ReplicaWriter` sees to it).
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import lmdb

from orders_svc.feed.follower import SnapshotDropped
from orders_svc.feed.steps import Position
from orders_svc.replica.records import (
    META_KEY,
    Meta,
    Row,
    grant_key,
    pack_meta,
    pack_row,
    unpack_meta,
)
from shop.products.v1.products_pb2 import Change, Grant

MAX_READERS = 512
"""Reader slots, one for each reading process or so."""


class ReplicaLocked(RuntimeError):
    """Another follower writes this replica."""


class ReplicaUnusable(RuntimeError):
    """The replica's files cannot be opened."""


class SnapshotIncomplete(SnapshotDropped):
    """Fewer or more grants arrived than the snapshot has."""


class ReplicaStore:
    """The one writer of a replica folder."""

    def __init__(self, folder: Path, map_bytes: int) -> None:
        """Open or create the replica. `map_bytes` is the size to start with; it grows when full.

        Raises:
            ReplicaLocked: another process, or this one, writes it already.
            ReplicaUnusable: the files are damaged or not to be written.
        """
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _lock(folder / "writer.lock")
            try:
                self.environment = _open(folder, map_bytes)
            except BaseException:
                self._lock.close()
                raise
        self._db = self.environment.open_db()
        self._staged: lmdb.Transaction | None = None

    def meta(self) -> Meta:
        """What the copy is now."""
        with self.environment.begin() as txn:
            return unpack_meta(txn.get(META_KEY))

    def apply(self, position: Position, changes: Iterable[Change]) -> None:
        """Apply `changes` in order; the copy is at `position` then.

        Raises:
            lmdb.MapFullError: nothing was applied; `grow`, and try again.
        """
        with self.environment.begin(write=True) as txn:
            for change in changes:
                _apply(txn, change)
            meta = unpack_meta(txn.get(META_KEY))
            self._describe(txn, meta._replace(epoch=position.epoch, revision=position.revision))

    def mark_complete(self, synced_at: float) -> None:
        """Nothing was missing at `synced_at`, in wall-clock seconds."""
        with self.environment.begin(write=True) as txn:
            meta = unpack_meta(txn.get(META_KEY))
            self._describe(txn, meta._replace(synced_at=synced_at, ready=True))

    def mark_incomplete(self) -> None:
        """Changes are known to be missing: nobody may decide on this copy until it is complete.

        A staged snapshot is dropped; it would hold up this write.
        """
        self.discard_snapshot()
        with self.environment.begin(write=True) as txn:
            meta = unpack_meta(txn.get(META_KEY))
            if meta.ready:
                self._describe(txn, meta._replace(ready=False))

    def begin_snapshot(self) -> None:
        """Start staging a snapshot; one that is staged already is dropped."""
        self.discard_snapshot()
        self._staged = self.environment.begin(write=True)
        self._staged.drop(self._db, delete=False)

    def stage(self, revision: int, grants: Iterable[tuple[str, Grant]]) -> None:
        """Add grants, each with its subject, to the staged snapshot as of `revision`.

        Raises:
            lmdb.MapFullError: the staged snapshot is lost; `grow`, and begin again.
        """
        assert self._staged is not None, "begin_snapshot comes first"
        rows = (
            (grant_key(subject, grant.product_id), _value(grant, revision))
            for subject, grant in grants
        )
        with self._discarding(), self._staged.cursor(self._db) as cursor:
            cursor.putmulti(rows)

    def commit_snapshot(self, position: Position, grant_count: int, synced_at: float) -> None:
        """Replace the copy by the staged one.

        Distinct grants are counted, so that one lost and another repeated do not make up for each
        other.

        Raises:
            SnapshotIncomplete: the staged snapshot has another count; it is dropped.
            lmdb.MapFullError: the staged snapshot is lost; `grow`, and begin again.
        """
        assert self._staged is not None, "begin_snapshot comes first"
        with self._discarding():
            staged = self._staged.stat(self._db)["entries"]
            if staged != grant_count:
                raise SnapshotIncomplete(f"{staged} of {grant_count} grants arrived")
            meta = Meta(position.epoch, position.revision, synced_at, ready=True)
            self._describe(self._staged, meta)
            self._staged.commit()
            self._staged = None

    def discard_snapshot(self) -> None:
        """Drop the staged snapshot, if there is one; readers have never seen any of it."""
        if self._staged is not None:
            self._staged.abort()
            self._staged = None

    def sweep(self) -> None:
        """Free the slots of reading processes that died; they would keep old pages for ever."""
        self.environment.reader_check()

    def grow(self) -> None:
        """Double the map.

        No transaction may be open in this process, neither the writer's nor a reader's. Readers in
        other processes follow by themselves.
        """
        self.environment.set_mapsize(2 * self.environment.info()["map_size"])

    def close(self) -> None:
        """Close the files and let another writer in."""
        self.discard_snapshot()
        self.environment.close()
        self._lock.close()

    def _describe(self, txn: lmdb.Transaction, meta: Meta) -> None:
        rows = txn.stat(self._db)["entries"] - (txn.get(META_KEY) is not None)
        txn.put(META_KEY, pack_meta(meta._replace(grants=rows)))

    @contextmanager
    def _discarding(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.discard_snapshot()
            raise


def _apply(txn: lmdb.Transaction, change: Change) -> None:
    if change.HasField("granted"):
        key = grant_key(change.subject, change.granted.product_id)
        txn.put(key, _value(change.granted, change.revision))
    else:
        txn.delete(grant_key(change.subject, change.revoked_product_id))


def _value(grant: Grant, revision: int) -> bytes:
    return pack_row(Row(grant.max_quantity, grant.unit_price_micros, revision))


def _open(folder: Path, map_bytes: int) -> lmdb.Environment:
    return lmdb.open(
        str(folder),
        map_size=map_bytes,
        metasync=False,
        mode=0o600,
        max_readers=MAX_READERS,
        max_spare_txns=4,
    )


def _lock(path: Path) -> IO[str]:
    """Hold the writer's lock; the system lets go of it with the process, however that ends."""
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise ReplicaLocked(
            f"the replica in {path.parent} has a follower already (process {owner}); "
            "run one follower, or give this one a folder of its own"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except (lmdb.Error, OSError) as error:
        raise ReplicaUnusable(
            f"the replica in {folder} cannot be opened ({error}); it is a copy: when the folder is "
            "deleted, the follower makes it anew"
        ) from error
