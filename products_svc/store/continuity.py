"""Notices a history that went backwards while the process runs."""

from threading import Lock

from products_svc.store.values import Position
from waybill.errors import StorageUnavailable


class Continuity:
    """Holds what the database says now to what it said before.

    A database that was emptied or restored from a backup can come back with an older history under
    the same epoch. Serving it would deny what is known, and writing to it would give revisions out
    a second time. A higher epoch says that somebody has looked at it (`new-epoch`). Thread-safe.
    """

    def __init__(self) -> None:
        self._latest = Position(0, 0, 0)
        self._lock = Lock()

    @property
    def latest(self) -> Position:
        """The furthest position seen; ask before a transaction begins."""
        return self._latest

    def require(self, found: Position, since: Position) -> None:
        """Let pass what a transaction found that began when `since` was the latest.

        Raises:
            StorageUnavailable: it is before `since`.
        """
        if _order(found) < _order(since):
            raise StorageUnavailable(
                f"database: the history went back from revision {since.revision} of epoch "
                f"{since.epoch} to {found.revision} of {found.epoch}; it was restored or replaced. "
                "Once it is as it should be run: python -m products_svc new-epoch"
            )
        with self._lock:
            self._latest = max(self._latest, found, key=_order)


def _order(position: Position) -> tuple[int, int]:
    return position.epoch, position.revision
