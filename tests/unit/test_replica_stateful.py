"""Random histories through a bad network: the copy is never wrong, and catches up when it may."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from orders_svc.feed.follower import Follower
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.sink import ReplicaSink
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.replica.writer import ReplicaWriter
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.feed_kit import Grants, Products
from waybill.errors import HistoryCompacted, ReplicaNotReady
from waybill.testing import FakeClock

SUBJECTS = ("ada", "bob")
PRODUCT_IDS = ("1", "2", "3")
LAG_BOUND_S = 5.0

PAIRS = st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(PRODUCT_IDS))
CHANGES = st.lists(
    st.tuples(PAIRS, st.one_of(st.none(), st.integers(0, 3))), min_size=1, max_size=6
)
INDEXES = st.integers(0, 30)
MISHAPS = st.lists(
    st.tuples(st.sampled_from(["lose", "repeat", "swap", "stop"]), INDEXES), max_size=4
)

Events = list[WatchAccessResponse]


def mishandled(events: Events, mishaps: list[tuple[str, int]]) -> Events:
    """What arrives of `events` when these things happen to them in order."""
    events = list(events)
    for what, index in mishaps:
        if not events:
            break
        at, last = index % len(events), len(events) - 1
        if what == "lose":
            del events[at]
        elif what == "repeat":
            events.insert(last, events[at])
        elif what == "swap":
            events[at], events[last - at] = events[last - at], events[at]
        else:
            del events[at:]
    return events


class OneStreamFeed:
    """Sends what it is given for one stream, then stays silent."""

    def __init__(self, source: Products, mishaps: list[tuple[str, int]], late: Events) -> None:
        self._source = source
        self._mishaps = mishaps
        self._late = late
        self.streams_left = 1

    async def watch(
        self, epoch: int, resume_revision: int
    ) -> AsyncGenerator[WatchAccessResponse, None]:
        self.streams_left -= 1
        events = self._source.stream(epoch, resume_revision, batch=1)
        for event in self._late + mishandled(events, self._mishaps):
            yield event


class ReplicaAgainstProducts(RuleBasedStateMachine):
    """The follower as it is, over a store on disk, against a products service made of dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.products = Products(epoch=1)
        self.dead: list[Products] = []
        self.late: Events = []
        self.history: dict[tuple[int, int], Grants] = {}
        self.position = (0, 0)
        self.remember()

    @initialize()
    def start(self) -> None:
        self.store = ReplicaStore(self.folder, 1 << 20)
        self.writer = ReplicaWriter(self.store)
        self.reader = ReplicaReader(
            OwnEnvironment(self.store.environment), Trust(LAG_BOUND_S, self.clock)
        )
        self.needs_snapshot = False

    def teardown(self) -> None:
        self.runner.run(self.writer.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule()
    def crash_and_start_again(self) -> None:
        self.runner.run(self.writer.close())
        self.start()

    @rule(changes=CHANGES)
    def change(self, changes: list[tuple[tuple[str, str], int | None]]) -> None:
        for pair, most in changes:
            if most is None:
                self.products.revoke(*pair)
            else:
                self.products.grant(*pair, most, 100 * most)
            self.remember()

    @rule()
    def compact(self) -> None:
        self.products.compact()

    @rule()
    def history_starts_anew(self) -> None:
        self.dead.append(self.products)
        self.products = Products(epoch=self.products.epoch + 1)
        self.products.grant("ada", "1")  # without any grant it is not believed
        self.remember()
        self.follow_well()

    @rule(changes=CHANGES)
    def an_instance_is_left_behind(self, changes: list[tuple[tuple[str, str], int | None]]) -> None:
        self.dead.append(self.products.backup())
        self.change(changes)
        self.follow_well()

    @rule(seconds=st.floats(0.1, 4.0))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(changes=CHANGES, mishaps=MISHAPS, keep_late=st.booleans())
    def follow_badly(
        self,
        changes: list[tuple[tuple[str, str], int | None]],
        mishaps: list[tuple[str, int]],
        keep_late: bool,
    ) -> None:
        self.change(changes)
        late = self.late if keep_late else []
        self.clock.advance(0.001)
        self.follow(self.products, mishaps, late)
        meta = self.store.meta()
        if not late and {what for what, _ in mishaps} <= {"lose", "stop"} and meta.ready:
            complete = meta.revision == self.products.revision
            assert complete or meta.synced_at < self.clock(), "confirmed, and yet not complete"

    @precondition(lambda self: self.dead)
    @rule(which=INDEXES, mishaps=MISHAPS)
    def follow_a_dead_history(self, which: int, mishaps: list[tuple[str, int]]) -> None:
        dead = self.dead[which % len(self.dead)]
        if (dead.epoch, dead.revision) >= self.position:
            return
        before = self.store.meta()
        self.follow(dead, mishaps, [])
        after = self.store.meta()
        assert (after.epoch, after.revision) == (before.epoch, before.revision)

    @rule()
    def follow_well(self) -> None:
        """A gap, a compaction and a snapshot may each take a stream."""
        for _ in range(3):
            self.follow(self.products, [], [])
        for subject in SUBJECTS:
            granted = self.reader.grants(subject, PRODUCT_IDS)
            assert {
                (subject, product_id): (grant.max_quantity, grant.unit_price_micros)
                for product_id, grant in granted.items()
            } == {pair: value for pair, value in self.products.grants.items() if pair[0] == subject}

    @invariant()
    def what_is_stored_was_true_at_its_revision(self) -> None:
        meta = self.store.meta()
        if not meta.epoch:
            return
        stored = self.history[meta.epoch, meta.revision]
        self.clock.now, now = meta.synced_at, self.clock.now
        try:
            for subject in SUBJECTS:
                granted = self.reader.grants(subject, PRODUCT_IDS)
                assert {
                    (subject, product_id): (grant.max_quantity, grant.unit_price_micros)
                    for product_id, grant in granted.items()
                } == {pair: value for pair, value in stored.items() if pair[0] == subject}
        except ReplicaNotReady:
            assert not meta.ready
        finally:
            self.clock.now = now
        assert meta.grants == len(stored)

    @invariant()
    def never_goes_back(self) -> None:
        meta = self.store.meta()
        assert (meta.epoch, meta.revision) >= self.position
        self.position = (meta.epoch, meta.revision)

    @invariant()
    def nobody_decides_on_what_is_too_old(self) -> None:
        meta = self.store.meta()
        if self.clock() - meta.synced_at > LAG_BOUND_S:
            with pytest.raises(ReplicaNotReady):
                self.reader.grants("ada", PRODUCT_IDS)

    def remember(self) -> None:
        key = (self.products.epoch, self.products.revision)
        self.history[key] = dict(self.products.grants)

    def follow(self, source: Products, mishaps: list[tuple[str, int]], late: Events) -> None:
        """One stream of the follower, over a network on which `mishaps` happen."""
        feed = OneStreamFeed(source, mishaps, late)
        log = structlog.testing.CapturingLogger()
        follower = Follower(
            feed,
            ReplicaSink(self.writer, self.clock),
            name="replica",
            log=log,
            clock=self.clock,
            sleep=self.stop_after_one,
        )
        follower._needs_snapshot = self.needs_snapshot
        with pytest.raises(StreamOver):
            self.runner.run(follower.run())
        assert "exception" not in [call.method_name for call in log.calls]
        self.needs_snapshot = follower._needs_snapshot
        meta = self.store.meta()
        # Repeats of an earlier stream: changes and heartbeats. Parts of an older snapshot inside of
        # a newer one cannot be told from its own; only a feed that mixes streams would send them.
        try:
            self.late = [
                event
                for event in source.stream(meta.epoch, max(1, meta.revision - 1))
                if event.WhichOneof("event") in ("changes", "heartbeat")
            ]
        except HistoryCompacted:
            self.late = []

    async def stop_after_one(self, _seconds: float) -> None:
        raise StreamOver


class StreamOver(Exception):
    """The stream that was to be followed has ended."""


TestReplicaAgainstProducts = ReplicaAgainstProducts.TestCase
TestReplicaAgainstProducts.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
