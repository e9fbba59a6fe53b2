"""Contests of strategy reference, beside one raw command to the same server on loopback.

Issuing and the cold check wait for the server, so they and their floors are timed by the wall
clock, and both pay for the same event loop.
"""

import asyncio
import hashlib
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from valkey.asyncio import Valkey

from loadtest.bench.carried import MAX_BYTES, VERSION, page
from loadtest.bench.contest import Contest
from loadtest.bench.timing import Clock, Operation
from loadtest.finished import finished
from loadtest.valkey import ValkeyServer
from orders_svc.access import AccessQuery
from orders_svc.strategies.reference import ReferenceResolver
from orders_svc.versions import MESSAGE_DECODERS, STATE_FAMILY
from products_svc.catalogue.ids import IdKind
from products_svc.issuing import AccessPage
from products_svc.strategies.reference import ReferenceIssuer
from products_svc.terms import Terms
from products_svc.versions import MESSAGES
from waybill.expectations import Expectations
from waybill.references.cache import CacheBounds
from waybill.references.handle import name_of
from waybill.references.reader import ReferenceReader
from waybill.references.valkey_store import DEFAULT_PREFIX, ValkeyReferenceStore
from waybill.strategy import Strategy
from waybill.values import CarriedState

TTL_S = 3600
MEMORY_BYTES = 512 << 20
Result = TypeVar("Result")
RAW_KEY = b"raw"


@contextmanager
def contests(folder: Path, ids: int, kind: IdKind, seed: int) -> Iterator[Sequence[Contest]]:
    """Issue, cold check and warm check of one page; a server runs in `folder` while inside."""
    folder.mkdir(parents=True, exist_ok=True)
    with ValkeyServer(folder, memory_bytes=MEMORY_BYTES) as server, asyncio.Runner() as runner:
        bench = _Bench(runner, server.url, page(ids, kind, seed), kind)
        try:
            yield bench.contests()
        finally:
            bench.close()


class _Bench:
    def __init__(self, runner: asyncio.Runner, url: str, issued: AccessPage, kind: IdKind) -> None:
        self._runner = runner
        self._page = issued
        self._kind = kind
        self._store = ValkeyReferenceStore(url, timeout_s=10.0, max_per_subject=16)
        self._raw = Valkey.from_url(url)
        terms = Terms("products", "orders", TTL_S, time.time)
        self._issuer = ReferenceIssuer(self._store, terms, [MESSAGES[VERSION]])

    def contests(self) -> Sequence[Contest]:
        """The three rows."""
        carried = self._issue()
        record = self._record(carried)
        self._run(self._raw.set(RAW_KEY, record))
        asked = _query(carried, self._page)
        cold, warm = self._resolver(0), self._resolver(TTL_S)
        self._run(warm.resolve(asked))
        handle = str(carried.metadata[0][1]).encode()
        # Issuing comes last: it makes so many references that the checked one has to go.
        return (
            self._contest(
                "check cold",
                carried,
                ("Valkey GET", lambda: self._run(self._raw.get(RAW_KEY))),
                lambda: self._run(cold.resolve(asked)),
                time.perf_counter,
            ),
            self._contest(
                "check warm",
                carried,
                ("SHA-256", lambda: hashlib.sha256(handle).digest()),
                lambda: finished(warm.resolve(asked)),
                time.thread_time,
            ),
            self._contest(
                "issue",
                carried,
                ("Valkey SET", lambda: self._run(self._raw.set(RAW_KEY, record, ex=TTL_S))),
                self._issue,
                time.perf_counter,
            ),
        )

    def close(self) -> None:
        """Let go of connections."""
        self._run(self._store.close())
        self._run(self._raw.aclose())

    def _run(self, work: Coroutine[object, object, Result]) -> Result:
        """Without the handling of signals that `Runner.run` sets up around each call."""
        return self._runner.get_loop().run_until_complete(work)

    def _issue(self) -> CarriedState:
        return self._run(self._issuer.issue(self._page))

    def _record(self, carried: CarriedState) -> bytes:
        name = name_of(str(carried.metadata[0][1]), "orders")
        record: bytes = self._run(self._raw.get(f"{DEFAULT_PREFIX}record:".encode() + name))
        return record

    def _resolver(self, ttl_s: float) -> ReferenceResolver:
        return ReferenceResolver(
            ReferenceReader(
                self._store,
                Expectations("products", "orders"),
                family=STATE_FAMILY,
                decoders=MESSAGE_DECODERS,
                bounds=CacheBounds(ttl_s=ttl_s, max_bytes=MAX_BYTES),
            )
        )

    def _contest(
        self,
        step: str,
        carried: CarriedState,
        floor: tuple[str, Operation],
        operation: Operation,
        clock: Clock,
    ) -> Contest:
        return Contest(
            step=step,
            strategy=Strategy.REFERENCE.value,
            ids=len(self._page.grants),
            id_kind=self._kind.value,
            size_bytes=carried.size_bytes,
            floor_name=floor[0],
            operation=operation,
            floor=floor[1],
            clock=clock,
        )


def _query(carried: CarriedState, issued: AccessPage) -> AccessQuery:
    """An order of one product in the middle of the page."""
    return AccessQuery(
        subject=issued.subject,
        product_ids=(issued.grants[len(issued.grants) // 2].product_id,),
        min_revision=0,
        metadata=carried.metadata,
        envelopes=(),
        time_left_s=None,
    )
