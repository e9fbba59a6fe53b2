"""The store as it is, with every write written down at the moment it is committed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import RLock

from orders_svc.feed.steps import Position
from orders_svc.replica.records import META_KEY, Meta, unpack_row
from orders_svc.replica.store import ReplicaStore
from shop.products.v1.products_pb2 import Change
from tests.simulation.history import Grants, Wrote
from tests.simulation.notes import Notes


class RecordingStore(ReplicaStore):
    """Tells `notes` of each commit, and of the whole copy after it."""

    def __init__(self, folder: Path, notes: Notes) -> None:
        super().__init__(folder, 1 << 20)
        self._notes = notes
        self.turn = RLock()
        """Held from a commit until it is written down, for readers in other threads."""

    def apply(self, position: Position, changes: Iterable[Change]) -> None:
        changes = tuple(changes)
        with self.turn:
            super().apply(position, changes)
            self._note("changes", [change.revision for change in changes])

    def mark_complete(self, synced_at: float) -> None:
        with self.turn:
            super().mark_complete(synced_at)
            self._note("complete")

    def mark_incomplete(self) -> None:
        with self.turn:
            super().mark_incomplete()
            self._note("incomplete")

    def begin_snapshot(self) -> None:
        with self.turn:
            super().begin_snapshot()
            self._note("staging")

    def commit_snapshot(self, position: Position, grant_count: int, synced_at: float) -> None:
        with self.turn:
            super().commit_snapshot(position, grant_count, synced_at)
            self._note("snapshot")

    def _note(self, how: str, revisions: Sequence[int] = ()) -> None:
        notes, (meta, grants) = self._notes, self._whole()
        notes.records.append(Wrote(notes.at, notes.clock(), how, revisions, meta, grants))

    def _whole(self) -> tuple[Meta, Grants]:
        """The copy as a reader would find it."""
        with self.environment.begin() as txn, txn.cursor() as cursor:
            rows = {bytes(k): unpack_row(v)[:2] for k, v in cursor if bytes(k) != META_KEY}
        grants = {pair(key): (most, price) for key, (most, price) in rows.items()}
        return self.meta(), grants


def pair(key: bytes) -> tuple[str, str]:
    """The subject and product id that a row's key names."""
    subject, product_id = key.split(b"\0", 1)
    return subject.decode(), product_id.decode()
