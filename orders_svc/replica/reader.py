"""Answers from the copy, in microseconds, and only while it may be believed.

The copy may be believed while it is known to have been complete at most `lag_bound_s` ago. With no
copy yet, with changes known to be missing, or after a longer silence, the answer is
`ReplicaNotReady`: cannot know, which is never a grant.

Each read is one short transaction over data and description together. Nothing here waits for the
disk, and nothing keeps a transaction open between two turns of the event loop.
"""

from collections.abc import Mapping, Sequence

import lmdb

from orders_svc.access import Grant
from orders_svc.replica.environments import Environments
from orders_svc.replica.patience import Patience
from orders_svc.replica.records import META_KEY, grants_of, key_prefix, unpack_meta
from orders_svc.replica.status import ReplicaStatus, Trust
from waybill.errors import ReplicaNotReady, RevisionNotReached


class ReplicaReader:
    """Reads the copy. Not for use from several threads."""

    def __init__(
        self,
        environments: Environments,
        trust: Trust | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Read from `environments`."""
        self._environments = environments
        self._trust = trust or Trust()
        self._patience = patience or Patience()
        self._seen: ReplicaStatus | None = None

    def grants(
        self, subject: str, product_ids: Sequence[str], min_revision: int = 0
    ) -> Mapping[str, Grant]:
        """The subject's grants among `product_ids`, all as of one revision, which they carry.

        Raises:
            ReplicaNotReady: cold, a gap, or over the lag bound.
            RevisionNotReached: the copy is at a revision below `min_revision`.
        """
        try:
            with self._begin() as txn:
                meta = unpack_meta(txn.get(META_KEY))
                problem = self._trust.problem(meta)
                if problem is None and meta.revision >= min_revision:
                    return _read(txn, subject, product_ids, meta.revision)
        except lmdb.Error as error:
            problem = f"the replica cannot be read ({error})"
        if problem is None:
            raise RevisionNotReached(f"the replica is at {meta.revision}")
        self._environments.refresh()
        raise ReplicaNotReady(problem)

    async def grants_at(
        self,
        subject: str,
        product_ids: Sequence[str],
        min_revision: int,
        time_left_s: float | None,
    ) -> Mapping[str, Grant]:
        """See `orders_svc.replica.copy.CopyReader`."""

        async def read() -> Mapping[str, Grant]:
            return self.grants(subject, product_ids, min_revision)

        return await self._patience.until_reached(read, time_left_s)

    @property
    def revision(self) -> int:
        """The copy's revision now, usable or not; 0 without a copy."""
        return self.status().revision

    def lag_s(self) -> float | None:
        """Seconds since the copy was last known to be complete; None if it never was."""
        return self.status().lag_s

    def status(self) -> ReplicaStatus:
        """How the copy is doing now."""
        try:
            with self._begin() as txn:
                meta = unpack_meta(txn.get(META_KEY))
            self._seen = self._trust.status(meta)
        except (ReplicaNotReady, lmdb.Error) as error:
            self._seen = ReplicaStatus(0, 0, 0, None, str(error))
        return self._seen

    def seen(self) -> ReplicaStatus | None:
        """See `orders_svc.replica.copy.CopyReader`.

        Metrics are collected in a thread, and only the event loop's may read: it grows and closes
        the map between two reads.
        """
        return self._seen

    async def check(self) -> str | None:
        """Health check: None while the copy is usable, else what is wrong."""
        status = self.status()
        if status.problem is not None:
            self._environments.refresh()
        return status.problem

    async def close(self) -> None:
        """Close the files, if they are this reader's."""
        self._environments.close()

    def _begin(self) -> "lmdb.Transaction[bytes]":
        environment = self._environments.current()
        try:
            return environment.begin()
        except lmdb.MapResizedError:
            environment.set_mapsize(0)  # takes the size that the writer has given it
            return environment.begin()


def _read(
    txn: "lmdb.Transaction[bytes]", subject: str, product_ids: Sequence[str], revision: int
) -> Mapping[str, Grant]:
    prefix = key_prefix(subject)
    rows = [txn.get(prefix + product_id.encode()) for product_id in product_ids]
    return grants_of(product_ids, rows, revision)
