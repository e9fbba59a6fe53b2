"""The orders service on a real server, with the two strategies whose state the caller brings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from orders_svc.bootstrap import build
from orders_svc.settings import Settings
from shop.orders.v1.orders_pb2 import (
    GetOrderRequest,
    ListOrdersRequest,
    ListOrdersResponse,
    Order,
    PlaceOrderRequest,
)
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from tests.conftest import NewDatabase
from tests.orders_kit import Issuers, now, place
from waybill import errors
from waybill.metadata import STRATEGY, Entry
from waybill.serving.server import running
from waybill.signing import SigningKey
from waybill.status import Refusal, error_from
from waybill.strategy import Strategy
from waybill.testing import FakeClock

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
CARRIED = [Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD]


@dataclass
class Service:
    """A running orders service, and calls to it."""

    issuers: Issuers
    stub: Any

    async def order(
        self,
        strategy: Strategy,
        request: PlaceOrderRequest,
        grants: dict[str, int] | None = None,
        *,
        subject: str = "alice",
        **state: Any,
    ) -> Order:
        """Place `request`, carrying state that has `grants`, None for no state."""
        metadata: tuple[Entry, ...] = ()
        if grants is not None and strategy is Strategy.METADATA_JWT:
            metadata = (self.issuers.token(subject, grants, **state),)
        elif grants is not None:
            request.state.append(self.issuers.envelope(subject, grants, **state))
        response = await self.stub.PlaceOrder(
            request, metadata=self.issuers.call(subject, strategy, *metadata), timeout=30
        )
        order: Order = response.order
        return order

    async def listed(self, subject: str = "alice", **fields: Any) -> ListOrdersResponse:
        response: ListOrdersResponse = await self.stub.ListOrders(
            ListOrdersRequest(**fields), metadata=[self.issuers.credential(subject)], timeout=30
        )
        return response


@pytest.fixture
def issuers(tmp_path: Path, new_database: NewDatabase) -> Issuers:
    return Issuers(tmp_path, new_database())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now())


@pytest.fixture
async def service(
    issuers: Issuers, clock: FakeClock, request: pytest.FixtureRequest
) -> AsyncIterator[Service]:
    settings = Settings(**issuers.settings(**getattr(request, "param", {})))
    orders = build(settings, clock)
    async with (
        running(settings, orders.services, orders.service_names, orders.checks) as port,
        aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Service(issuers, OrdersServiceStub(channel))
    await orders.close()


async def refusal(call: Awaitable[Message]) -> Refusal:
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return error_from(caught.value)


@pytest.mark.parametrize("strategy", CARRIED)
async def test_an_order_is_placed_with_price_and_revision(
    service: Service, strategy: Strategy
) -> None:
    order = await service.order(strategy, place("r1", {"a": 2}), {"a": 0, "b": 1}, price=990)
    assert order.order_id
    assert order.create_time.seconds > 1_700_000_000
    assert (order.request_id, order.strategy) == ("r1", strategy.value)
    (line,) = order.lines
    assert (line.product_id, line.quantity) == ("a", 2)
    assert (line.unit_price_micros, line.revision) == (990, 7)
    assert list((await service.listed()).orders) == [order]


@pytest.mark.parametrize("strategy", CARRIED)
async def test_version_1_carries_no_price(service: Service, strategy: Strategy) -> None:
    order = await service.order(strategy, place("r1", {"a": 1000}), {"a": 1}, version=1)
    assert not order.lines[0].HasField("unit_price_micros")


@pytest.mark.parametrize("strategy", CARRIED)
async def test_validate_only_places_nothing(service: Service, strategy: Strategy) -> None:
    order = await service.order(strategy, place("r1", {"a": 1}, validate_only=True), {"a": 0})
    assert (order.order_id, order.request_id, order.strategy) == ("", "r1", strategy.value)
    assert not order.HasField("create_time")
    assert not (await service.listed()).orders


@pytest.mark.parametrize("strategy", CARRIED)
async def test_what_is_not_granted_is_refused_by_name(service: Service, strategy: Strategy) -> None:
    refused = await refusal(
        service.order(strategy, place("r1", {"a": 1, "b": 9, "c": 1}), {"a": 0, "b": 2})
    )
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        errors.NotGranted.reason,
    )
    assert refused.facts["product_ids"] == "c,b"
    assert refused.facts["over_maximum"] == "b:2"
    assert not (await service.listed()).orders


@pytest.mark.parametrize("strategy", CARRIED)
async def test_state_is_refused_unless_it_is_the_callers_and_there(
    service: Service, strategy: Strategy
) -> None:
    request = place("r1", {"a": 1})
    missing = await refusal(service.order(strategy, request))
    assert missing.reason == errors.StateMissing.reason
    old = place("r1", {"a": 1}, min_revision=8)
    superseded = await refusal(service.order(strategy, old, {"a": 0}, revision=7))
    assert superseded.code is grpc.StatusCode.FAILED_PRECONDITION
    service.issuers.products = SigningKey.generate()
    untrusted = await refusal(service.order(strategy, place("r1", {"a": 1}), {"a": 0}))
    assert untrusted.reason == errors.StateInvalid.reason


async def test_another_subjects_state_is_refused(service: Service) -> None:
    stolen = service.issuers.token("bob", {"a": 0})
    metadata = service.issuers.call("alice", Strategy.METADATA_JWT, stolen)
    refused = await refusal(service.stub.PlaceOrder(place("r1", {"a": 1}), metadata=metadata))
    assert refused.reason == errors.SubjectMismatch.reason


async def test_several_states_cover_an_order_together(service: Service) -> None:
    older = service.issuers.token("alice", {"a": 1, "b": 1}, revision=3, price=1)
    newer = service.issuers.token("alice", {"b": 5, "c": 5}, revision=9, price=2)
    metadata = service.issuers.call("alice", Strategy.METADATA_JWT, newer, older)
    response = await service.stub.PlaceOrder(
        place("r1", {"a": 1, "b": 5, "c": 5}), metadata=metadata
    )
    known = [(line.unit_price_micros, line.revision) for line in response.order.lines]
    assert known == [(1, 3), (2, 9), (2, 9)]


@pytest.mark.parametrize("service", [{"state_versions": (1,)}], indirect=True)
@pytest.mark.parametrize("strategy", CARRIED)
async def test_a_version_that_is_not_read_is_an_error_and_no_guess(
    service: Service, strategy: Strategy
) -> None:
    refused = await refusal(service.order(strategy, place("r1", {"a": 1}), {"a": 0}, version=2))
    assert refused.reason == errors.StateVersionUnsupported.reason


@pytest.mark.parametrize("service", [{"state_budget_bytes": 100}], indirect=True)
@pytest.mark.parametrize("strategy", CARRIED)
async def test_state_over_its_budget_is_refused(service: Service, strategy: Strategy) -> None:
    refused = await refusal(service.order(strategy, place("r1", {"a": 1}), {"a": 0}))
    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.reason == errors.StateTooLarge.reason


async def test_a_repeated_request_returns_the_first_order(service: Service) -> None:
    strategy = Strategy.METADATA_JWT
    first = await service.order(strategy, place("r1", {"a": 1, "b": 2}), {"a": 0, "b": 0})
    again = await service.order(
        Strategy.MESSAGE_FIELD, place("r1", {"b": 2, "a": 1}), {"a": 0, "b": 0}, revision=8
    )
    assert again == first
    other = await refusal(service.order(strategy, place("r1", {"a": 2}), {"a": 0}))
    assert other.code is grpc.StatusCode.ALREADY_EXISTS
    assert other.reason == errors.RequestIdReused.reason
    theirs = await service.order(strategy, place("r1", {"a": 2}), {"a": 0}, subject="bob")
    assert theirs.order_id != first.order_id


@pytest.mark.parametrize("strategy", CARRIED)
async def test_a_retry_returns_the_order_though_the_entitlement_is_gone(
    service: Service, strategy: Strategy
) -> None:
    first = await service.order(strategy, place("r1", {"a": 1}), {"a": 0})
    assert await service.order(strategy, place("r1", {"a": 1}), {"b": 0}) == first
    assert await service.order(strategy, place("r1", {"a": 1})) == first
    other = await refusal(service.order(strategy, place("r1", {"a": 2}), {"b": 0}))
    assert other.reason == errors.RequestIdReused.reason
    theirs = await refusal(service.order(strategy, place("r1", {"a": 1}), subject="bob"))
    assert theirs.reason == errors.StateMissing.reason


async def test_orders_are_their_owners_alone(service: Service) -> None:
    order = await service.order(Strategy.METADATA_JWT, place("r1", {"a": 1}), {"a": 0})
    own = [service.issuers.credential("alice")]
    foreign = [service.issuers.credential("bob")]
    asked = GetOrderRequest(order_id=order.order_id)
    assert (await service.stub.GetOrder(asked, metadata=own)).order == order
    theirs = await refusal(service.stub.GetOrder(asked, metadata=foreign))
    missing = await refusal(
        service.stub.GetOrder(GetOrderRequest(order_id="missing"), metadata=own)
    )
    assert replace(theirs, request_id="") == replace(missing, request_id="")
    assert (theirs.code, theirs.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    assert not (await service.listed("bob")).orders


async def test_orders_are_listed_in_pages_newest_first(service: Service) -> None:
    strategy = Strategy.METADATA_JWT
    for i in range(5):
        await service.order(strategy, place(f"r{i}", {"a": 1}), {"a": 0})
    first = await service.listed(page_size=3)
    await service.order(strategy, place("newer", {"a": 1}), {"a": 0})
    second = await service.listed(page_size=3, page_token=first.next_page_token)
    ids = [order.request_id for page in (first, second) for order in page.orders]
    assert ids == ["r4", "r3", "r2", "r1", "r0"]
    assert second.next_page_token == ""
    refused = await refusal(service.listed(page_token="AAAA"))
    assert list(refused.violations) == ["page_token"]


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        (["carrier-pigeon"], errors.InvalidRequest.reason),
        (["metadata-jwt", "message-field"], errors.InvalidRequest.reason),
        (["replica"], errors.StrategyNotAccepted.reason),
    ],
)
async def test_a_call_chooses_one_accepted_strategy(
    service: Service, wishes: list[str], reason: str
) -> None:
    metadata = [service.issuers.credential("alice"), *((STRATEGY, wish) for wish in wishes)]
    refused = await refusal(service.stub.PlaceOrder(place("r1", {"a": 1}), metadata=metadata))
    assert refused.reason == reason


async def test_the_default_strategy_serves_calls_that_name_none(service: Service) -> None:
    request = place("r1", {"a": 1}, state=[service.issuers.envelope("alice", {"a": 0})])
    metadata = [service.issuers.credential("alice")]
    response = await service.stub.PlaceOrder(request, metadata=metadata)
    assert response.order.strategy == "message-field"


async def test_many_callers_with_one_request_id_get_one_order(service: Service) -> None:
    placed = await asyncio.gather(
        *(service.order(Strategy.METADATA_JWT, place("r1", {"a": 1}), {"a": 0}) for _ in range(20))
    )
    assert len({order.order_id for order in placed}) == 1


async def test_state_expires_by_the_clock(service: Service, clock: FakeClock) -> None:
    state = service.issuers.token("alice", {"a": 0}, exp=int(clock.now) + 10)
    metadata = service.issuers.call("alice", Strategy.METADATA_JWT, state)
    request = place("r1", {"a": 1}, validate_only=True)
    await service.stub.PlaceOrder(request, metadata=metadata)
    clock.advance(15)
    refused = await refusal(service.stub.PlaceOrder(request, metadata=metadata))
    assert refused.reason == errors.StateExpired.reason


@pytest.mark.parametrize(
    ("file", "name"), [("users.json", "user keys"), ("products.json", "state keys")]
)
async def test_health_tells_which_keys_are_missing(
    issuers: Issuers, tmp_path: Path, file: str, name: str
) -> None:
    (tmp_path / file).unlink()
    orders = build(Settings(**issuers.settings()))
    problems = {each for each, check in orders.checks.items() if await check() is not None}
    assert problems == {name}
    await orders.close()


@pytest.mark.parametrize(
    ("default", "status"), [(Strategy.MESSAGE_FIELD, SERVING), (Strategy.REPLICA, NOT_SERVING)]
)
async def test_an_instance_without_a_copy_is_ready_unless_the_copy_is_its_default(
    issuers: Issuers, default: Strategy, status: int
) -> None:
    accepted = (Strategy.MESSAGE_FIELD, Strategy.REPLICA)
    settings = Settings(**issuers.settings(strategies=accepted, default_strategy=default))
    orders = build(settings)
    (name,) = orders.service_names
    serve = running(
        settings, orders.services, orders.service_names, orders.checks, needs=orders.needs
    )
    async with serve as port, aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        asked = {each: await health(channel, each) for each in ("", name, *orders.needs)}
    await orders.close()
    assert asked == {
        "": status,
        name: status,
        "every-strategy": NOT_SERVING,
        f"{name}/replica": NOT_SERVING,
        f"{name}/message-field": SERVING,
    }


async def health(channel: aio.Channel, name: str) -> int:
    request = health_pb2.HealthCheckRequest(service=name)
    return int((await health_pb2_grpc.HealthStub(channel).Check(request)).status)
