"""Random histories through a bad network: nothing that is known to be revoked is ever believed.

The same machine follows products' own stream, and a log that products publishes to.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orders_svc.feed.follower import Feed, Follower
from orders_svc.feed.recent import LoggedChanges
from orders_svc.feed.steps import Position
from orders_svc.revocations import RevocationSink
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.change_log import Log, LogReader
from tests.feed_kit import Products, ScriptedFeed
from tests.unit.test_replica_stateful import MISHAPS, Events, StreamOver, mishandled
from waybill.errors import RevocationsUnknown, StateSuperseded
from waybill.expectations import Expectations
from waybill.revocation import Revocations, RevocationTerms
from waybill.testing import FakeClock
from waybill.values import State, VerifiedState

SUBJECTS = ("ada", "bob")
LIFETIME_S = 60
TERMS = RevocationTerms(max_lifetime_s=LIFETIME_S, slack_s=10, lag_bound_s=5.0, max_subjects=1)
CHANGES = st.lists(
    st.tuples(st.sampled_from(SUBJECTS), st.just("1"), st.none() | st.integers(0, 3)),
    min_size=1,
    max_size=3,
)
Changes = list[tuple[str, str, int | None]]
Mishaps = list[tuple[str, int]]
A_FEW = st.sampled_from([0, 0, 0, 1, 2, 3])
LESS_THAN_ANY_STEP_S = 0.0005
SECONDS = st.integers(0, 40).map(lambda quarters: quarters / 4)


class Issued(NamedTuple):
    """State, and the epoch that it was issued in."""

    state: VerifiedState[None]
    epoch: int


class RevocationsAgainstProducts(RuleBasedStateMachine):
    """The follower as it is, against a products service made of dicts that issues state."""

    streams = 3
    """That it may take to know everything."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.products = Products(epoch=1, clock=self.clock)
        self.issued: list[Issued] = []
        self.losses: list[tuple[int, str, int, float]] = []
        self.ends: dict[int, float] = {}
        self.late: Events = []
        self.change([(subject, "1", 3) for subject in SUBJECTS])
        self.start()

    def teardown(self) -> None:
        self.runner.close()

    @rule()
    def start(self) -> None:
        """Of the process: it knows nothing then."""
        self.known = Revocations(TERMS, self.clock)
        self.sink = RevocationSink(self.known)
        self.needs_start = False

    @rule(changes=CHANGES)
    def change(self, changes: Changes) -> None:
        for subject, product_id, most in changes:
            before = self.products.revision
            if most is None:
                self.products.revoke(subject, product_id)
            else:
                self.products.grant(subject, product_id, most)
            if self.products.revision > before and not self.products.log[-1].nothing_lost:
                revision = self.products.revision
                self.losses.append((self.products.epoch, subject, revision, self.clock()))
        self.issue()

    @rule()
    def issue(self) -> None:
        now = int(self.clock())
        expectations = Expectations("products", "orders", self.clock)
        for subject in SUBJECTS:
            said = State(
                "products", "orders", subject, self.products.revision, now, now + LIFETIME_S, None
            )
            self.issued.append(Issued(expectations.verified(said), self.products.epoch))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.issued = [each for each in self.issued if each.state.expire_time > self.clock()]

    @rule(changes=CHANGES, revisions=A_FEW)
    def compact(self, changes: Changes, revisions: int) -> None:
        self.change(changes)
        floor = max(self.products.floor, self.products.revision - revisions)
        self.products.floor = floor
        self.products.log = [each for each in self.products.log if each.revision > floor]

    @rule(revisions=A_FEW)
    def history_starts_anew(self, revisions: int) -> None:
        """From a backup: revisions are given out a second time."""
        self.clock.advance(1.0)
        old, self.products = self.products, Products(self.products.epoch + 1, self.clock)
        self.ends[old.epoch] = self.clock()
        self.products.revision = self.products.floor = max(0, old.revision - revisions)
        self.products.grants = dict(old.grants)

    @rule(changes=CHANGES, mishaps=MISHAPS, keep_late=st.booleans())
    def follow_badly(self, changes: Changes, mishaps: Mishaps, keep_late: bool) -> None:
        self.change(changes)
        source = self.products
        self.follow(self.feed(source, mishaps, self.late if keep_late else []))
        self.late = source.recent(source.epoch, max(1, source.floor), TERMS.retention_s, 1)

    @rule()
    def an_instance_is_left_behind(self) -> None:
        """It has the history's epoch, and not its last change, which is a loss."""
        self.change([("ada", "9", 1)])
        behind = self.products.backup()
        behind.clock = self.clock
        self.change([("ada", "9", None)])
        self.follow_well()
        complete_at = self.complete_at()
        self.follow(self.feed(behind))
        assert self.complete_at() == pytest.approx(complete_at, abs=1e-4), "confirmed by a dead one"

    @rule()
    def follow_well(self) -> None:
        """A gap, what is gone and a new epoch may each take a stream. Then fresh state counts."""
        for _ in range(self.streams):
            self.follow(self.feed(self.products))
        assert self.known.problem == ""
        self.clock.advance(1.0)  # times of issue are whole seconds, an epoch may begin within one
        self.issue()
        for each in self.issued[-len(SUBJECTS) :]:
            self.known.check(each.state)

    @invariant()
    def nothing_known_to_be_revoked_is_believed(self) -> None:
        for each in self.issued:
            if self.outdated(each, self.complete_at() - LESS_THAN_ANY_STEP_S):
                with pytest.raises((StateSuperseded, RevocationsUnknown)):
                    self.known.check(each.state)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.known.size <= TERMS.max_subjects

    def complete_at(self) -> float:
        return -1.0 if self.known.lag_s is None else self.clock() - self.known.lag_s

    def outdated(self, issued: Issued, at: float) -> bool:
        """Whether the state was revoked, or its history over, before `at`."""
        if issued.epoch in self.ends and self.ends[issued.epoch] < at:
            return True
        return any(
            (epoch, subject) == (issued.epoch, issued.state.subject)
            and revision > issued.state.revision
            and lost_at < at
            for epoch, subject, revision, lost_at in self.losses
        )

    def feed(
        self,
        source: Products,
        mishaps: Sequence[tuple[str, int]] = (),
        late: Sequence[WatchAccessResponse] = (),
    ) -> Feed:
        """One stream of `source`, to which these things happen, after what comes late."""
        return ScriptedFeed(
            lambda epoch, resume: [
                *late,
                *mishandled(source.recent(epoch, resume, TERMS.retention_s, 1), list(mishaps)),
            ]
        )

    def follow(self, feed: Feed) -> None:
        """One stream of the follower."""
        self.clock.advance(0.001)
        log = structlog.testing.CapturingLogger()
        follower = Follower(
            feed,
            self.sink,
            name="revocations",
            log=log,
            clock=self.clock,
            sleep=self.stop_after_one,
        )
        follower._needs_snapshot = self.needs_start
        with pytest.raises(StreamOver):
            self.runner.run(follower.run())
        assert "exception" not in [call.method_name for call in log.calls]
        self.needs_start = follower._needs_snapshot

    async def stop_after_one(self, _seconds: float) -> None:
        raise StreamOver


class RevocationsOverALog(RevocationsAgainstProducts):
    """The same over a log, which may lose messages, everything, or its newest end."""

    streams = 4

    def __init__(self) -> None:
        self.log = Log()
        self.backup = Log()
        super().__init__()

    @initialize(clock_is_off_s=st.sampled_from([0, -100, 100]), keep=st.sampled_from([4, 1000]))
    def make_log(self, clock_is_off_s: int, keep: int) -> None:
        self.log.clock_is_off_s, self.log.keep = clock_is_off_s, keep

    @rule()
    def start(self) -> None:
        super().start()
        self.logged = LoggedChanges(self.opened, TERMS.retention_s, self.clock)

    @rule(index=st.integers(0, 30))
    def a_message_is_gone(self, index: int) -> None:
        self.log.lose(index)

    @rule()
    def everything_is_gone(self) -> None:
        self.log.messages.clear()

    @rule()
    def back_up(self) -> None:
        self.backup = self.log.copy()

    @rule()
    def the_log_comes_back_older(self) -> None:
        self.log = self.backup.copy()

    @rule()
    def follow_while_nobody_publishes(self) -> None:
        self.transit = LogReader(self.log)
        self.follow(self.logged)

    def feed(
        self,
        source: Products,
        mishaps: Sequence[tuple[str, int]] = (),
        late: Sequence[WatchAccessResponse] = (),
    ) -> Feed:
        coming = self.log.publish(source, self.clock())
        self.transit = LogReader(self.log, coming, mishaps, late)
        return self.logged

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[LogReader]:
        yield self.transit


TestRevocationsAgainstProducts = RevocationsAgainstProducts.TestCase
TestRevocationsOverALog = RevocationsOverALog.TestCase
TestRevocationsAgainstProducts.settings = TestRevocationsOverALog.settings = settings(
    max_examples=70, stateful_step_count=30, deadline=None
)


def test_a_source_that_can_only_send_a_copy() -> None:
    """Of an older release: what it says was so when it began; before that nobody knows."""
    clock = FakeClock()
    products = Products(clock=clock)
    products.grant("ada", "1")
    products.grant("bob", "1")
    known = Revocations(TERMS, clock)
    sink = RevocationSink(known)
    machine = RevocationsAgainstProducts()
    machine.clock, machine.known, machine.sink = clock, known, sink
    machine.follow(ScriptedFeed(products.stream))
    assert (known.problem, asyncio.run(sink.position())) == ("", Position(1, 2))
    machine.teardown()
