"""Contests of the strategies that carry nothing: a read of the replica, a hit in the cache."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cachetools import TTLCache

from loadtest.bench.carried import SUBJECT, page
from loadtest.bench.contest import Contest
from loadtest.finished import finished
from orders_svc.access import AccessQuery, Grant
from orders_svc.feed.steps import Position
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.records import grant_key
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.strategies.direct_call import AccessAnswer, DirectCallResolver
from orders_svc.strategies.replica import ReplicaResolver
from products_svc.catalogue.ids import IdKind
from shop.products.v1.products_pb2 import Grant as GrantMessage
from waybill.answer_cache import Answer, AnswerCache, CacheLimits
from waybill.strategy import Strategy

MAP_BYTES = 256 << 20
LONG_S = 3600.0
"""Longer than any benchmark: neither lag bound nor time to live is reached."""
REVISION = 1


@contextmanager
def contests(folder: Path, ids: int, kind: IdKind, seed: int) -> Iterator[Sequence[Contest]]:
    """Both, for a subject with `ids` grants; the replica is in `folder` while inside."""
    issued = page(ids, kind, seed)
    listed = [grant.product_id for grant in issued.grants]
    store = ReplicaStore(folder, MAP_BYTES)
    try:
        _fill(store, listed)
        yield [_replica(store, listed, kind), _direct_call(listed, kind)]
    finally:
        store.close()


def _fill(store: ReplicaStore, listed: Sequence[str]) -> None:
    store.begin_snapshot()
    grants = (GrantMessage(product_id=each, unit_price_micros=1) for each in listed)
    store.stage(REVISION, ((SUBJECT, grant) for grant in grants))
    store.commit_snapshot(Position(1, REVISION), len(listed), time.time())


def _query(listed: Sequence[str]) -> AccessQuery:
    return AccessQuery(
        subject=SUBJECT,
        product_ids=(listed[len(listed) // 2],),
        min_revision=0,
        metadata=(),
        envelopes=(),
        time_left_s=None,
    )


def _replica(store: ReplicaStore, listed: Sequence[str], kind: IdKind) -> Contest:
    reader = ReplicaReader(OwnEnvironment(store.environment), Trust(LONG_S))
    resolver, query = ReplicaResolver(reader), _query(listed)
    key = grant_key(SUBJECT, query.product_ids[0])

    def lmdb_read() -> None:
        with store.environment.begin() as txn:
            txn.get(key)

    return Contest(
        step="read",
        strategy=Strategy.REPLICA.value,
        ids=len(listed),
        id_kind=kind.value,
        size_bytes=0,
        floor_name="LMDB read",
        operation=lambda: finished(resolver.resolve(query)),
        floor=lmdb_read,
    )


class _Silent:
    """A source that must not be asked, since every answer is in the cache."""

    async def check_access(
        self,
        subject: str,  # noqa: ARG002
        product_ids: Sequence[str],  # noqa: ARG002
        *,
        timeout_s: float,  # noqa: ARG002
    ) -> AccessAnswer:
        raise AssertionError("the cache did not hit")


def _direct_call(listed: Sequence[str], kind: IdKind) -> Contest:
    query = _query(listed)
    cache: AnswerCache[Grant] = AnswerCache(CacheLimits(ttl_s=LONG_S), time.monotonic)
    resolver = DirectCallResolver(_Silent(), cache)
    plain: TTLCache[tuple[str, str], int] = TTLCache(100_000, LONG_S)
    for product_id in listed:
        grant = Grant(product_id, 0, 1, REVISION)
        cache.put(SUBJECT, product_id, Answer(grant, REVISION, cache.now()))
        plain[SUBJECT, product_id] = 1
    key = (SUBJECT, query.product_ids[0])
    return Contest(
        step="cache hit",
        strategy=Strategy.DIRECT_CALL.value,
        ids=len(listed),
        id_kind=kind.value,
        size_bytes=0,
        floor_name="TTLCache get",
        operation=lambda: finished(resolver.resolve(query)),
        floor=lambda: plain[key],
    )
