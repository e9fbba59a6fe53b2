"""What OpenTelemetry's SDK sees of carried state."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from orders_svc.access import AccessQuery, Grant
from orders_svc.metered import MeteredResolver
from products_svc.budgeted import BudgetedIssuer
from products_svc.issuing import AccessPage
from waybill.budget import Budget, PathBudget, fixed_caps
from waybill.errors import NotGranted, StateTooLarge
from waybill.metadata import STRATEGY, Entry
from waybill.strategy import Strategy
from waybill.telemetry import StateMetrics, Way, state_bytes, state_metrics
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import CarriedState

ENTRY: Entry = ("waybill-state-v2", "x" * 52)
ENTRY_BYTES = 100
PAGE = AccessPage("alice", (), 1)


class Readings:
    """A provider of metrics, and what it has counted."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.metrics = StateMetrics(MeterProvider(metric_readers=[self._reader]))

    def of(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


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
