"""What OpenTelemetry's SDK sees of carried state."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from orders_svc.access import AccessQuery, Grant
from orders_svc.metered import MeteredResolver
from products_svc.budgeted import BudgetedIssuer
from products_svc.issuing import AccessPage
from tests.telemetry_kit import Observed
from waybill.budget import Budget, PathBudget, fixed_caps
from waybill.errors import NotGranted, StateExpired, StateTooLarge
from waybill.metadata import STRATEGY, Entry
from waybill.strategy import Strategy
from waybill.telemetry import StateMetrics, Way, state_bytes, state_metrics
from waybill.testing import FakeClock
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import CarriedState, VerifiedState

ENTRY: Entry = ("waybill-state-v2", "x" * 52)
ENTRY_BYTES = 100
PAGE = AccessPage("alice", (), 1)


class Readings:
    """What was counted."""

    def __init__(self) -> None:
        self.observed = Observed("test")
        self.metrics = StateMetrics(self.observed.providers)

    def of(self, name: str) -> list[Any]:
        return self.observed.points(name)


@pytest.fixture
def readings() -> Readings:
    return Readings()


class FixedIssuer:
    def __init__(self, carried: CarriedState) -> None:
        self._carried = carried

    async def issue(self, page: AccessPage) -> CarriedState:  # noqa: ARG002
        return self._carried


class FixedResolver:
    def __init__(self, refusal: Exception | None = None) -> None:
        self._refusal = refusal

    async def resolve(self, query: AccessQuery) -> Mapping[str, Grant]:  # noqa: ARG002
        if self._refusal:
            raise self._refusal
        return {}


def issuer(readings: Readings, carried: CarriedState, budget: Budget) -> BudgetedIssuer:
    meter = readings.metrics.of(Strategy.METADATA_JWT, Way.ISSUED)
    return BudgetedIssuer(FixedIssuer(carried), budget, meter)


def query(*metadata: Entry, envelopes: tuple[Envelope, ...] = ()) -> AccessQuery:
    return AccessQuery("alice", ["tea"], 0, metadata, envelopes, None)


async def test_what_is_issued_is_counted(readings: Readings) -> None:
    carried = CarriedState(metadata=(ENTRY, ENTRY))
    metered = issuer(readings, carried, Budget(fixed_caps(0)))
    assert await metered.issue(PAGE) == carried
    (point,) = readings.of("waybill.state.size")
    assert (point.count, point.sum) == (1, 2 * ENTRY_BYTES)
    assert point.attributes == {
        "waybill.strategy": "metadata-jwt",
        "waybill.state.direction": "issued",
    }


async def test_what_is_refused_is_counted_as_that_alone(readings: Readings) -> None:
    narrow = PathBudget(["grpcio server"], reserve_bytes=8192 - 99)
    with pytest.raises(StateTooLarge):
        await issuer(readings, CarriedState(metadata=(ENTRY,)), narrow).issue(PAGE)
    assert not readings.of("waybill.state.size")
    (point,) = readings.of("waybill.state.refusals")
    assert point.value == 1
    assert point.attributes["waybill.hop"] == "grpcio server"


async def test_the_budget_is_for_metadata_alone(readings: Readings) -> None:
    carried = CarriedState(envelopes=(Envelope(payload=b"x" * 1000),))
    metered = issuer(readings, carried, Budget(fixed_caps(1)))
    assert await metered.issue(PAGE) == carried
    (point,) = readings.of("waybill.state.size")
    assert point.sum == carried.size_bytes


async def test_what_is_read_is_counted_before_it_is_believed(readings: Readings) -> None:
    meter = readings.metrics.of(Strategy.MESSAGE_FIELD, Way.READ)
    asked = query((STRATEGY, "message-field"), envelopes=(Envelope(payload=b"x" * 1000),))
    with pytest.raises(NotGranted):
        await MeteredResolver(FixedResolver(NotGranted()), meter).resolve(asked)
    (point,) = readings.of("waybill.state.size")
    assert point.sum == asked.envelopes[0].ByteSize()
    assert point.attributes["waybill.state.direction"] == "read"


async def test_the_readers_refusal_for_size_is_counted(readings: Readings) -> None:
    meter = readings.metrics.of(Strategy.METADATA_JWT, Way.READ)
    with pytest.raises(StateTooLarge):
        await MeteredResolver(FixedResolver(StateTooLarge()), meter).resolve(query(ENTRY))
    (point,) = readings.of("waybill.state.refusals")
    assert "waybill.hop" not in point.attributes


async def test_a_call_that_carries_nothing_is_not_counted(readings: Readings) -> None:
    meter = readings.metrics.of(Strategy.REPLICA, Way.READ)
    bare = query((STRATEGY, "replica"), ("authorization", "Bearer x"), ("user-agent", "x"))
    await MeteredResolver(FixedResolver(), meter).resolve(bare)
    assert not readings.of("waybill.state.size")


def test_state_is_all_metadata_of_the_library_but_the_strategy() -> None:
    foreign: tuple[Entry, ...] = ((STRATEGY, "metadata-jwt"), ("authorization", "Bearer x"))
    assert state_bytes((*foreign, ENTRY), ()) == ENTRY_BYTES
    proof: Entry = ("waybill-proof-bin", bytes(30))
    assert state_bytes((proof,), ()) == len("waybill-proof-bin") + 40 + 32


def test_a_process_has_its_instruments_once() -> None:
    assert state_metrics() is state_metrics()
    state_metrics().of(Strategy.METADATA_JWT, Way.CARRIED).carried(1)


async def test_states_are_counted_by_version_where_they_are_issued(readings: Readings) -> None:
    meter = readings.metrics.of(Strategy.METADATA_JWT, Way.ISSUED)
    carried = CarriedState(metadata=(ENTRY,))
    await BudgetedIssuer(FixedIssuer(carried), Budget(fixed_caps(0)), meter, (1, 2)).issue(PAGE)
    issued = {
        point.attributes["waybill.state.version"]: point.value
        for point in readings.of("waybill.states")
    }
    assert issued == {1: 1, 2: 1}


async def test_where_nothing_is_issued_nothing_is_counted(readings: Readings) -> None:
    meter = readings.metrics.of(Strategy.REPLICA, Way.ISSUED)
    await BudgetedIssuer(FixedIssuer(CarriedState()), Budget(fixed_caps(0)), meter, (2,)).issue(
        PAGE
    )
    assert not readings.of("waybill.states")


@pytest.mark.parametrize(("clock_s", "age_s"), [(1042.0, 42.0), (990.0, 0.0)])
def test_a_state_that_a_call_relies_on(readings: Readings, clock_s: float, age_s: float) -> None:
    """The issuer's clock may be ahead; nothing is younger than new."""
    meter = readings.metrics.of(Strategy.PAGE_PROOF, Way.READ, FakeClock(clock_s))
    meter.relied_on(VerifiedState("products", "orders", "ada", 7, 1000, 1300, None), 2)
    (state,), (age,) = readings.of("waybill.states"), readings.of("waybill.state.age")
    about = {"waybill.strategy": "page-proof", "waybill.state.version": 2}
    assert state.attributes == {**about, "waybill.state.direction": "read"}
    assert (age.attributes, age.sum) == (about, age_s)


def test_the_span_of_a_call_links_to_the_one_of_issuing(readings: Readings) -> None:
    minted_in = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    meter = readings.metrics.of(Strategy.METADATA_JWT, Way.READ)
    with readings.observed.providers.tracer().start_as_current_span("order"):
        for context in (minted_in, None):
            state = VerifiedState("products", "orders", "ada", 7, 1000, 1300, None, context)
            meter.relied_on(state, 1)
    (span,) = readings.observed.spans
    (link,) = span.links
    assert link.context == minted_in
    assert link.attributes == {
        "waybill.strategy": "metadata-jwt",
        "waybill.state.version": 1,
        "waybill.state.issuer": "products",
    }


async def test_every_refusal_is_counted_by_its_reason(readings: Readings) -> None:
    meter = readings.metrics.of(Strategy.METADATA_JWT, Way.READ)
    with pytest.raises(StateExpired):
        await MeteredResolver(FixedResolver(StateExpired()), meter).resolve(query(ENTRY))
    (point,) = readings.of("waybill.state.refusals")
    assert point.attributes["error.type"] == "STATE_EXPIRED"
