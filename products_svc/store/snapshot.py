"""A whole copy of the grants as of one revision, read piece by piece."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from threading import Lock

from products_svc.store import reads
from products_svc.store.database import Database
from products_svc.store.values import Position, SubjectGrant
from waybill.serving.sql import storage_errors


class Snapshot:
    """One read transaction, open from `start` until `close`. Writers go on meanwhile.

    Calls may come from different threads, one at a time; `close` may come at any time, even while
    another thread reads, and any number of times.

    Args:
        database: what to read.
        chunk: most grants in one piece.
    """

    def __init__(self, database: Database, chunk: int) -> None:
        self._database = database
        self._chunk = chunk
        self._lock = Lock()
        self._resources = ExitStack()
        self._pieces: Iterator[Sequence[SubjectGrant]] = iter(())
        self._closed = False

    def start(self) -> Position:
        """Begin; the copy is of the position returned.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the snapshot is closed")
            connection = self._resources.enter_context(self._database.copying())
            self._pieces = reads.all_grants(connection, self._chunk)
            return reads.position(connection)

    def next_piece(self) -> Sequence[SubjectGrant]:
        """The next grants in order of subject and product id; empty after the last.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        with self._lock, storage_errors():
            return next(self._pieces, ())

    def close(self) -> None:
        """End the transaction, once a piece that is being read has been read."""
        with self._lock:
            self._closed = True
            self._pieces = iter(())
            self._resources.close()
