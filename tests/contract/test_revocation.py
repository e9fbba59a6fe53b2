"""State that travels, with the feed of revocations on: refused as soon as the feed has told.

The feed is products' own stream, or NATS.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from tests.contract.world import CATCH_UP_S, OK, Outcome, World
from waybill.strategy import Strategy
from waybill.testing import FakeClock
from waybill.values import CarriedState

SUPERSEDED = Outcome(grpc.StatusCode.FAILED_PRECONDITION, "STATE_SUPERSEDED")
UNKNOWN = Outcome(grpc.StatusCode.UNAVAILABLE, "REVOCATIONS_UNKNOWN")
LEADS_NOWHERE = Outcome(grpc.StatusCode.UNAUTHENTICATED, "STATE_INVALID")
TOO_LONG_LIVED = Outcome(grpc.StatusCode.UNAUTHENTICATED, "STATE_TOO_LONG_LIVED")
DENIED = Outcome(grpc.StatusCode.PERMISSION_DENIED, "NOT_GRANTED")

SIGNED = (Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD, Strategy.PAGE_PROOF)
CARRIED = (*SIGNED, Strategy.REFERENCE)

LAG_BOUND_S = 60
STATE_TTL_S = 300


class WatermarkWorld(World):
    """Orders follows revocations; a resolved reference is remembered for longer than any test."""

    def __init__(
        self, folder: Path, store_url: str, feed_url: str | None, **orders_settings: Any
    ) -> None:
        super().__init__(
            folder, store_url, (2,), feed_url=feed_url, feed_stream=f"access-{uuid4()}"
        )
        self.clock = FakeClock(float(int(time.time())))  # about what NATS has
        self.orders_settings = {
            "state_revocation": "watermarks",
            "state_revocation_lag_bound_s": LAG_BOUND_S,
            "reference_cache_ttl_s": 3600,
            **orders_settings,
        }

    async def revocations_caught_up(self) -> None:
        """Return once orders knows of every loss so far."""
        await self.grant("probe", "tea")
        probe = await self.list_page("probe", Strategy.MESSAGE_FIELD)
        await self.revoke("probe", "tea")
        await self.until("probe", Strategy.MESSAGE_FIELD, probe.carried, SUPERSEDED)

    async def until(
        self, subject: str, strategy: Strategy, carried: CarriedState, outcome: Outcome
    ) -> set[Outcome]:
        """Order tea again and again, until that is the answer; all that were given."""
        seen: set[Outcome] = set()
        async with asyncio.timeout(CATCH_UP_S):
            while outcome not in seen:
                seen.add(await self.order(subject, strategy, ["tea"], carried))
        return seen

    async def listed(self, subject: str, strategy: Strategy) -> CarriedState:
        return (await self.list_page(subject, strategy)).carried


@asynccontextmanager
async def world_with(
    folder: Path, store_url: str, feed_url: str | None, **orders_settings: Any
) -> AsyncIterator[WatermarkWorld]:
    async with AsyncExitStack() as stack:
        world = WatermarkWorld(folder, store_url, feed_url, **orders_settings)
        await world.start(stack)
        yield world


@pytest.fixture(params=["grpc", pytest.param("nats", marks=pytest.mark.engines)])
def feed_url(request: pytest.FixtureRequest) -> str | None:
    """Where both services have the feed."""
    return str(request.getfixturevalue("nats_url")) if request.param == "nats" else None


@pytest.fixture
async def world(
    tmp_path: Path, valkey_url: str, feed_url: str | None
) -> AsyncIterator[WatermarkWorld]:
    async with world_with(tmp_path, valkey_url, feed_url) as world:
        yield world


@pytest.mark.parametrize("strategy", CARRIED)
async def test_a_revoke_ends_state_and_a_new_list_helps(
    world: WatermarkWorld, strategy: Strategy
) -> None:
    await world.grant("ada", "tea", "salt")
    old = await world.listed("ada", strategy)
    await world.until("ada", strategy, old, OK)
    await world.revoke("ada", "tea")
    await world.revocations_caught_up()
    assert await world.order("ada", strategy, ["tea"], old) == SUPERSEDED
    assert await world.order("ada", strategy, ["salt"], old) == SUPERSEDED, "all of the page"
    new = await world.listed("ada", strategy)
    assert await world.order("ada", strategy, ["salt"], new) == OK
    assert await world.order("ada", strategy, ["tea"], new) in (DENIED, LEADS_NOWHERE)


@pytest.mark.parametrize("strategy", CARRIED)
async def test_a_grant_that_is_narrowed_ends_state(
    world: WatermarkWorld, strategy: Strategy
) -> None:
    await world.grant("ada", "tea", most=5)
    old = await world.listed("ada", strategy)
    await world.grant("ada", "tea", most=4)
    await world.revocations_caught_up()
    assert await world.order("ada", strategy, ["tea"], old) == SUPERSEDED


@pytest.mark.parametrize("strategy", CARRIED)
async def test_what_takes_nothing_away_ends_no_state(
    world: WatermarkWorld, strategy: Strategy
) -> None:
    await world.grant("ada", "tea", most=5)
    await world.grant("bob", "tea")
    old = await world.listed("ada", strategy)
    await world.grant("ada", "salt")
    await world.grant("ada", "tea", most=6)
    await world.revoke("bob", "tea")
    await world.revocations_caught_up()
    assert await world.order("ada", strategy, ["tea"], old) == OK


async def test_a_revoked_handle_that_is_not_remembered_looks_like_any_other(
    world: WatermarkWorld,
) -> None:
    """The store knows it no more; only what was resolved before can be told to be outdated."""
    await world.grant("ada", "tea")
    old = await world.listed("ada", Strategy.REFERENCE)
    await world.revoke("ada", "tea")
    await world.revocations_caught_up()
    assert await world.order("ada", Strategy.REFERENCE, ["tea"], old) == LEADS_NOWHERE


@pytest.mark.parametrize("strategy", CARRIED)
@pytest.mark.parametrize(("behind", "outcome"), [("refuse", UNKNOWN), ("expiry", OK)])
async def test_behind_its_bound(
    tmp_path: Path,
    valkey_url: str,
    feed_url: str | None,
    strategy: Strategy,
    behind: str,
    outcome: Outcome,
) -> None:
    async with world_with(tmp_path, valkey_url, feed_url, state_revocation_behind=behind) as world:
        await world.grant("ada", "tea", "salt")
        old = await world.listed("ada", strategy)
        await world.until("ada", strategy, old, OK)
        await world.stop_products()
        assert await world.order("ada", strategy, ["tea"], old) == OK, "not behind yet"
        world.clock.advance(LAG_BOUND_S + 1)
        assert await world.order("ada", strategy, ["tea"], old) == outcome


@pytest.mark.parametrize("behind", ["refuse", "expiry"])
async def test_what_is_known_to_be_revoked_stays_so_behind_the_bound(
    tmp_path: Path, valkey_url: str, feed_url: str | None, behind: str
) -> None:
    async with world_with(tmp_path, valkey_url, feed_url, state_revocation_behind=behind) as world:
        await world.grant("ada", "tea")
        old = await world.listed("ada", Strategy.METADATA_JWT)
        await world.revoke("ada", "tea")
        await world.revocations_caught_up()
        await world.stop_products()
        world.clock.advance(LAG_BOUND_S + 1)
        assert await world.order("ada", Strategy.METADATA_JWT, ["tea"], old) == SUPERSEDED


@pytest.mark.parametrize("strategy", CARRIED)
async def test_state_must_not_outlive_its_watermark(
    tmp_path: Path, valkey_url: str, feed_url: str | None, strategy: Strategy
) -> None:
    async with world_with(
        tmp_path, valkey_url, feed_url, state_max_lifetime_s=STATE_TTL_S - 1
    ) as world:
        await world.grant("ada", "tea")
        page = await world.listed("ada", strategy)
        await world.until("ada", strategy, page, TOO_LONG_LIVED)


async def test_what_was_revoked_before_orders_started(world: WatermarkWorld) -> None:
    """Who begins to follow knows nothing, then the losses of the last lifetime: none slips by."""
    await world.grant("ada", "tea")
    old = await world.listed("ada", Strategy.PAGE_PROOF)
    await world.revoke("ada", "tea")
    world.clock.advance(STATE_TTL_S - 60)
    await world.restart_orders()
    seen = await world.until("ada", Strategy.PAGE_PROOF, old, SUPERSEDED)
    assert seen <= {UNKNOWN, SUPERSEDED}


async def test_who_begins_refuses_nothing_that_counts(world: WatermarkWorld) -> None:
    await world.grant("ada", "tea", "salt")
    await world.revoke("ada", "salt")
    world.clock.advance(3600)
    page = await world.listed("ada", Strategy.PAGE_PROOF)
    await world.restart_orders()
    seen = await world.until("ada", Strategy.PAGE_PROOF, page, OK)
    assert seen <= {UNKNOWN, OK}
