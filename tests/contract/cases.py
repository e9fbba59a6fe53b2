"""The cases that every strategy goes through, and what a perfect strategy would answer.

A case is what a caller does, in the order of its lines; it ends with the order's outcome. What a
strategy answers otherwise stands in `exceptions.py`, with the reason.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc

from tests.contract import forgery
from tests.contract.world import OK, Outcome, World
from waybill.strategy import Strategy

BEYOND_EVERY_LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class Case:
    """One story and the answer that a strategy without exceptions gives."""

    expected: Outcome
    run: Callable[[World, Strategy], Awaitable[Outcome]]


async def happy(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea", "salt")
    page = await world.list_page("ada", strategy)
    return await world.order("ada", strategy, ["tea", "salt"], page.carried)


async def not_granted(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    return await world.order("ada", strategy, ["salt"], page.carried)


async def expired(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    world.clock.advance(BEYOND_EVERY_LIFETIME_S)
    return await world.order("ada", strategy, ["tea"], page.carried)


async def tampered(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    return await world.order("ada", strategy, ["tea"], forgery.tampered(page.carried))


async def wrong_subject(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    await world.grant("eve", "tea")
    page = await world.list_page("ada", strategy)
    return await world.order("eve", strategy, ["tea"], page.carried)


async def wrong_audience(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    meant_for_others = forgery.for_audience(page.carried, "billing", world.workshop())
    return await world.order("ada", strategy, ["tea"], meant_for_others)


async def rotated_key(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    before = await world.list_page("ada", strategy)
    await world.rotate_keys()
    after = await world.list_page("ada", strategy)
    first = await world.order("ada", strategy, ["tea"], before.carried)
    return first if first != OK else await world.order("ada", strategy, ["tea"], after.carried)


async def retired_key(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    await world.rotate_keys(keep=1)
    return await world.order("ada", strategy, ["tea"], page.carried)


async def oversize(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    padded = forgery.padded(page.carried, world.state_budget_bytes, world.workshop())
    return await world.order("ada", strategy, ["tea"], padded)


async def revoked(world: World, strategy: Strategy) -> Outcome:
    """The order demands the revision of the revoke, as a caller who knows of it would."""
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    revision = await world.revoke("ada", "tea")
    return await world.order("ada", strategy, ["tea"], page.carried, min_revision=revision)


async def revoked_unawares(world: World, strategy: Strategy) -> Outcome:
    """The order demands nothing; the copy and the cache had an order's worth of warmth before."""
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    await world.order("ada", strategy, ["tea"], page.carried)
    await world.revoke("ada", "tea")
    await world.feed_caught_up()
    return await world.order("ada", strategy, ["tea"], page.carried)


async def replayed_revision(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    old = await world.list_page("ada", strategy)
    revision = await world.grant("ada", "salt")
    return await world.order("ada", strategy, ["tea"], old.carried, min_revision=revision)


async def newer_version(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    from_the_future = forgery.of_version(page.carried, 3, world.workshop())
    return await world.order("ada", strategy, ["tea"], from_the_future)


async def products_down(world: World, strategy: Strategy) -> Outcome:
    await world.grant("ada", "tea")
    page = await world.list_page("ada", strategy)
    await world.stop_products()
    return await world.order("ada", strategy, ["tea"], page.carried)


def refused(code: grpc.StatusCode, reason: str) -> Outcome:
    return Outcome(code, reason)


UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED

CASES = {
    "happy": Case(OK, happy),
    "not granted": Case(refused(DENIED, "NOT_GRANTED"), not_granted),
    "expired": Case(refused(UNAUTHENTICATED, "STATE_EXPIRED"), expired),
    "tampered": Case(refused(UNAUTHENTICATED, "STATE_INVALID"), tampered),
    "wrong subject": Case(refused(DENIED, "SUBJECT_MISMATCH"), wrong_subject),
    "wrong audience": Case(refused(UNAUTHENTICATED, "STATE_INVALID"), wrong_audience),
    "rotated key": Case(OK, rotated_key),
    "retired key": Case(refused(UNAUTHENTICATED, "STATE_INVALID"), retired_key),
    "oversize": Case(refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "STATE_TOO_LARGE"), oversize),
    "revoked": Case(refused(DENIED, "NOT_GRANTED"), revoked),
    "revoked, unawares": Case(refused(DENIED, "NOT_GRANTED"), revoked_unawares),
    "replayed revision": Case(
        refused(grpc.StatusCode.FAILED_PRECONDITION, "STATE_SUPERSEDED"), replayed_revision
    ),
    "newer version": Case(refused(UNAUTHENTICATED, "STATE_VERSION_UNSUPPORTED"), newer_version),
    "products down": Case(OK, products_down),
}
