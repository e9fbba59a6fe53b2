"""What is made of state by what is known of revocations, and by how well it is known."""

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from waybill.errors import RevocationsUnknown, StateSuperseded, StateTooLongLived
from waybill.expectations import Expectations
from waybill.revocation import Behind, Revocations, RevocationTerms
from waybill.revocation_metrics import LAG, SUBJECTS, observe
from waybill.testing import FakeClock
from waybill.values import State, VerifiedState

LIFETIME_S = 300
BOUND_S = 5.0


class Bench:
    """Revocations that follow a history which began long ago, complete as of now."""

    def __init__(self, behind: Behind = Behind.REFUSE) -> None:
        self.clock = FakeClock()
        terms = RevocationTerms(
            max_lifetime_s=LIFETIME_S, slack_s=10, lag_bound_s=BOUND_S, behind=behind
        )
        self.known = Revocations(terms, self.clock)
        self.expectations = Expectations(
            "products", "orders", self.clock, still_counts=self.known.check
        )

    def began(self) -> "Bench":
        self.known.begin(1, 5, epoch_began_at=self.clock() - 3600)
        self.known.mark_complete(self.clock())
        return self

    def state(self, revision: int = 7, **changes: Any) -> VerifiedState[None]:
        now = int(self.clock())
        said: dict[str, Any] = {
            "issuer": "products",
            "audience": "orders",
            "subject": "ada",
            "revision": revision,
            "issue_time": now,
            "expire_time": now + LIFETIME_S,
            "content": None,
        }
        return self.expectations.verified(State(**said | changes))

    def check(self, revision: int = 7, **changes: Any) -> None:
        state = self.state(revision, **changes)
        self.expectations.check_call(state, subject=state.subject, min_revision=0)


def test_state_counts_until_its_subject_loses_something() -> None:
    bench = Bench().began()
    bench.check()
    bench.known.lose("bob", 8)
    bench.check()
    bench.known.lose("ada", 9)
    with pytest.raises(StateSuperseded) as refused:
        bench.check(8)
    assert refused.value.facts == {"revision": "8", "min_revision": "9"}
    bench.check(9)


def test_without_a_feed_it_counts_until_it_expires() -> None:
    bench = Bench()
    bench.expectations = Expectations("products", "orders", bench.clock)
    bench.check(0)


def test_what_was_told_before_the_beginning_may_concern_anybody() -> None:
    with pytest.raises(StateSuperseded):
        Bench().began().check(4)


def test_a_new_history_ends_all_state_of_the_old_one() -> None:
    bench = Bench().began()
    bench.known.lose("ada", 9)
    old = bench.state(1000)
    bench.clock.advance(0.5)
    bench.known.begin(2, 3, epoch_began_at=bench.clock())
    bench.known.mark_complete(bench.clock())
    with pytest.raises(StateSuperseded, match="history"):
        bench.known.check(old)
    bench.clock.advance(0.5)
    bench.known.check(bench.state(3))


def test_state_that_would_outlive_its_watermark() -> None:
    bench = Bench().began()
    with pytest.raises(StateTooLongLived) as refused:
        bench.check(expire_time=int(bench.clock()) + LIFETIME_S + 1)
    assert refused.value.facts == {"lifetime_s": "301", "max_lifetime_s": "300"}


def cold(_bench: Bench) -> None: ...


def silent(bench: Bench) -> None:
    bench.began().clock.advance(BOUND_S + 0.1)


def a_gap(bench: Bench) -> None:
    bench.began().known.mark_incomplete()


def clock_set_back(bench: Bench) -> None:
    bench.began().clock.advance(-2.0)


@pytest.mark.parametrize("behind", Behind)
@pytest.mark.parametrize(
    ("happens", "words"),
    [(cold, "not known yet"), (silent, "lag 5.1 s"), (a_gap, "missing"), (clock_set_back, "clock")],
)
def test_behind_its_bound(behind: Behind, happens: Any, words: str) -> None:
    bench = Bench(behind)
    happens(bench)
    assert words in bench.known.problem
    if behind is Behind.EXPIRY:
        bench.check()
    else:
        with pytest.raises(RevocationsUnknown, match=words):
            bench.check()


@pytest.mark.parametrize("behind", Behind)
def test_what_is_known_is_refused_behind_the_bound_as_well(behind: Behind) -> None:
    bench = Bench(behind).began()
    bench.known.lose("ada", 9)
    a_gap(bench)
    with pytest.raises(StateSuperseded):
        bench.check(8)


def test_it_is_well_again_with_the_next_sign_of_life() -> None:
    bench = Bench().began()
    bench.clock.advance(BOUND_S)
    bench.check()
    bench.clock.advance(60.0)
    bench.known.mark_incomplete()
    bench.known.mark_complete(bench.clock() - 1.0)
    bench.check()
    assert (bench.known.problem, bench.known.lag_s) == ("", 1.0)


def test_losses_are_forgotten_once_all_older_state_has_expired() -> None:
    bench = Bench().began()
    bench.known.lose("ada", 9)
    bench.clock.advance(LIFETIME_S + 11)
    bench.known.mark_complete(bench.clock())
    assert bench.known.size == 0
    bench.check(9)


def test_metrics_tell_size_and_lag() -> None:
    reader = InMemoryMetricReader()
    bench = Bench()
    observe(bench.known, MeterProvider(metric_readers=[reader]))
    assert values(reader) == {SUBJECTS: 0}
    bench.began().known.lose("ada", 9)
    bench.clock.advance(2.0)
    assert values(reader) == {SUBJECTS: 1, LAG: 2.0}


def values(reader: InMemoryMetricReader) -> dict[str, Any]:
    data: Any = reader.get_metrics_data()
    return {
        metric.name: point.value
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }
