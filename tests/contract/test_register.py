"""The register, run: every producer against every consumer, with real services between.

A producer issues one version or both, a consumer reads one or both. What travels is what the
register declares; the newest version that both know is read, and without one the order is refused
for that reason.
"""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import grpc
import pytest

from tests.contract.world import OK, Outcome, World, world
from waybill.register import FILE_NAME, StateEntry, Status, read
from waybill.strategy import Strategy
from waybill.values import CarriedState

STATES = tuple(
    state for state in read(files("shop") / FILE_NAME).states if state.status is not Status.REMOVED
)
STRATEGIES = sorted({state.strategy for state in STATES})
VERSIONS = ((1,), (2,), (1, 2))
UNSUPPORTED = Outcome(grpc.StatusCode.UNAUTHENTICATED, "STATE_VERSION_UNSUPPORTED")
NOT_GRANTED = Outcome(grpc.StatusCode.PERMISSION_DENIED, "NOT_GRANTED")
WITH_A_MAXIMUM = {None: UNSUPPORTED, 1: NOT_GRANTED, 2: OK}
"""An order of a grant with a maximum, which version 1 leaves out, by the version that is read."""


@pytest.fixture(params=VERSIONS, ids=lambda v: f"issues {v}")
def issued(request: pytest.FixtureRequest) -> tuple[int, ...]:
    versions = request.param
    assert isinstance(versions, tuple)
    return versions


@pytest.fixture(params=VERSIONS, ids=lambda v: f"reads {v}")
def readable(request: pytest.FixtureRequest) -> tuple[int, ...]:
    versions = request.param
    assert isinstance(versions, tuple)
    return versions


@pytest.fixture
async def shop(
    tmp_path: Path,
    valkey_url: str,
    issued: tuple[int, ...],
    readable: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    reading = MappingProxyType({"state_versions": readable})
    monkeypatch.setattr(World, "orders_settings", reading)
    async with world(tmp_path, valkey_url, issued) as running:
        yield running


async def test_every_producer_against_every_consumer(
    shop: World, issued: tuple[int, ...], readable: tuple[int, ...]
) -> None:
    await shop.grant("ada", "tea")
    await shop.grant("ada", "salt", most=2)
    newest = max({*issued} & {*readable}, default=None)
    outcomes, capped = {}, {}
    for strategy in STRATEGIES:
        page = await shop.list_page("ada", strategy)
        carried = page.carried
        declared = [s for s in STATES if s.strategy is strategy and s.version in issued]
        assert places(carried) <= {place for state in declared for place in places_of(state)}
        assert versions_in(strategy, carried) in ({*issued}, set()), "set() where none shows"
        outcomes[strategy] = await shop.order("ada", strategy, ["tea"], carried)
        capped[strategy] = await shop.order("ada", strategy, ["salt"], carried)
    assert outcomes == dict.fromkeys(STRATEGIES, OK if newest else UNSUPPORTED)
    assert capped == dict.fromkeys(STRATEGIES, WITH_A_MAXIMUM[newest])


def places(carried: CarriedState) -> set[str]:
    """Where the state of an order travels."""
    found = {key for key, _ in carried.metadata}
    found |= {"shop.orders.v1.PlaceOrderRequest.state"} if carried.envelopes else set()
    found |= {"shop.orders.v1.PlaceOrderRequest.page_proofs"} if carried.proofs else set()
    return found


def places_of(state: StateEntry) -> set[str]:
    return {state.key, *state.fields} - {""}


def versions_in(strategy: Strategy, carried: CarriedState) -> set[int]:
    """The versions that state shows from outside, by the types that the register declares."""
    by_type = {state.type: state.version for state in STATES if state.strategy is strategy}
    seen = {key + "+jwt" for key, _ in carried.metadata}
    seen |= {envelope.payload_type for envelope in carried.envelopes}
    return {by_type[kind] for kind in seen if kind in by_type}
