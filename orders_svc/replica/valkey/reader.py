"""Answers from the copy in Valkey: one round trip an order, and only while it may be believed."""

from collections.abc import Mapping, Sequence

from orders_svc.access import Grant
from orders_svc.replica.patience import Patience
from orders_svc.replica.records import grants_of
from orders_svc.replica.status import ReplicaStatus, Trust
from orders_svc.replica.valkey.meta import meta_of
from orders_svc.replica.valkey.server import CopyServer, CopyServerUnavailable, row_names
from waybill.errors import ReplicaNotReady, RevisionNotReached


class ValkeyReader:
    """See `orders_svc.replica.copy.CopyReader`. A server that came back empty holds no copy."""

    def __init__(
        self, server: CopyServer, trust: Trust | None = None, patience: Patience | None = None
    ) -> None:
        """Read from `server`, which is closed with the reader."""
        self._server = server
        self._trust = trust or Trust()
        self._patience = patience or Patience()
        self._seen: ReplicaStatus | None = None

    async def grants(
        self, subject: str, product_ids: Sequence[str], min_revision: int = 0
    ) -> Mapping[str, Grant]:
        """The subject's grants among `product_ids`, all as of one revision, which they carry.

        Raises:
            ReplicaNotReady: cold, a gap, over the lag bound, or the server does not answer.
            RevisionNotReached: the copy is at a revision below `min_revision`.
        """
        try:
            answer = await self._server.ask("describe", *row_names(subject, product_ids))
        except CopyServerUnavailable as error:
            raise ReplicaNotReady(str(error)) from error
        meta = meta_of(answer)
        problem = self._trust.problem(meta)
        if problem is not None:
            raise ReplicaNotReady(problem)
        if meta.revision < min_revision:
            raise RevisionNotReached(f"the replica is at {meta.revision}")
        return grants_of(product_ids, answer[-1], meta.revision)

    async def grants_at(
        self,
        subject: str,
        product_ids: Sequence[str],
        min_revision: int,
        time_left_s: float | None,
    ) -> Mapping[str, Grant]:
        return await self._patience.until_reached(
            lambda: self.grants(subject, product_ids, min_revision), time_left_s
        )

    async def status(self) -> ReplicaStatus:
        """How the copy is doing now."""
        try:
            meta = meta_of(await self._server.ask("describe"))
            self._seen = self._trust.status(meta)
        except CopyServerUnavailable as error:
            self._seen = ReplicaStatus(0, 0, 0, None, str(error))
        return self._seen

    def seen(self) -> ReplicaStatus | None:
        return self._seen

    async def check(self) -> str | None:
        return (await self.status()).problem

    async def close(self) -> None:
        await self._server.close()
