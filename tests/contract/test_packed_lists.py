"""Version 1 with its ids packed, in tokens, envelopes and references; and what a forger sends."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
import pytest

from shop.state.v1.state_pb2 import AccessState
from tests import bombs
from tests.contract import forgery
from tests.contract.world import OK, Outcome, World
from waybill import base64url, id_lists
from waybill.metadata import state_key
from waybill.signing import seal, sign_jwt
from waybill.strategy import Strategy
from waybill.values import CarriedState

JWT = Strategy.METADATA_JWT
REFUSED = Outcome(grpc.StatusCode.UNAUTHENTICATED, "STATE_INVALID")


class PackingWorld(World):
    products_settings = MappingProxyType({"id_list_coding": "best"})


@pytest.fixture
async def world(tmp_path: Path, valkey_url: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        world = PackingWorld(tmp_path, valkey_url, (1,))
        await world.start(stack)
        yield world


async def carried(world: World) -> CarriedState:
    await world.grant("ada", "tea", "salt")
    return (await world.list_page("ada", JWT)).carried


def claims_of(carried: CarriedState) -> dict[str, Any]:
    (entry,) = carried.metadata
    payload = str(entry[1]).split(".")[1]
    claims: dict[str, Any] = json.loads(base64url.decode(payload.encode()))
    return claims


def signed(world: World, claims: dict[str, Any]) -> CarriedState:
    name = state_key(1)
    return CarriedState(
        metadata=((name, sign_jwt(claims, world.signing_key(), typ=f"{name}+jwt")),)
    )


def repacked(world: World, state: CarriedState, packed: object, **others: object) -> CarriedState:
    return signed(world, {**claims_of(state), "products_packed": packed, **others})


async def test_what_is_listed_packed_can_be_ordered_and_nothing_else(world: World) -> None:
    state = await carried(world)
    assert "products" not in claims_of(state)
    assert await world.order("ada", JWT, ["tea", "salt"], state) == OK
    refusal = await world.order("ada", JWT, ["soap"], state)
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("strategy", [JWT, Strategy.MESSAGE_FIELD, Strategy.REFERENCE])
async def test_what_has_a_maximum_is_left_out_of_a_packed_list_even_if_nothing_is_left(
    world: World, strategy: Strategy
) -> None:
    await world.grant("ada", "tea", most=3)
    state = (await world.list_page("ada", strategy)).carried
    refusal = await world.order("ada", strategy, ["tea"], state)
    assert refusal == Outcome(grpc.StatusCode.PERMISSION_DENIED, "NOT_GRANTED")


async def test_a_packed_list_that_was_tampered_with_is_refused(world: World) -> None:
    state = forgery.tampered(await carried(world))
    assert await world.order("ada", JWT, ["tea"], state) == REFUSED


@pytest.mark.parametrize("rung", id_lists.CODECS)
async def test_every_rung_is_read(world: World, rung: str) -> None:
    text = base64url.encode(id_lists.encode(["tea", "salt"], rung))
    state = repacked(world, await carried(world), text)
    assert await world.order("ada", JWT, ["tea", "salt"], state) == OK


@pytest.mark.parametrize(
    "packed",
    [
        base64url.encode(bombs.packed_list()),
        "",
        "!",
        "é",
        base64url.encode(b"\x21[]"),
        base64url.encode(id_lists.encode(["tea"], "delta")) + "=",
        ["tea"],
        None,
        7,
    ],
)
async def test_signed_nonsense_is_refused(world: World, packed: object) -> None:
    state = repacked(world, await carried(world), packed)
    assert await world.order("ada", JWT, ["tea"], state) == REFUSED


async def test_two_lists_or_none_are_refused(world: World) -> None:
    state = await carried(world)
    packed = claims_of(state)["products_packed"]
    both = repacked(world, state, packed, products=["tea"])
    assert await world.order("ada", JWT, ["tea"], both) == REFUSED
    none = {name: value for name, value in claims_of(state).items() if name != "products_packed"}
    assert await world.order("ada", JWT, ["tea"], signed(world, none)) == REFUSED


def payload(state: CarriedState) -> AccessState:
    (envelope,) = state.envelopes
    return AccessState.FromString(envelope.payload)


def resealed(world: World, state: CarriedState, **changes: Any) -> CarriedState:
    """The state, signed properly, with other lists."""
    said = payload(state)
    for name in ("product_ids", "packed_product_ids"):
        said.ClearField(name)
    said.MergeFrom(AccessState(**changes))
    return CarriedState(envelopes=(seal(said, world.signing_key()),))


async def enveloped(world: World) -> CarriedState:
    await world.grant("ada", "tea", "salt")
    return (await world.list_page("ada", Strategy.MESSAGE_FIELD)).carried


async def test_packed_envelopes_can_be_ordered_and_nothing_else(world: World) -> None:
    state = await enveloped(world)
    assert not payload(state).product_ids
    assert set(id_lists.decode(payload(state).packed_product_ids)) == {"tea", "salt"}
    field = Strategy.MESSAGE_FIELD
    assert await world.order("ada", field, ["tea", "salt"], state) == OK
    refusal = await world.order("ada", field, ["soap"], state)
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    assert await world.order("ada", field, ["tea"], forgery.tampered(state)) == REFUSED


@pytest.mark.parametrize("rung", id_lists.CODECS)
async def test_every_rung_is_read_in_an_envelope(world: World, rung: str) -> None:
    packed = id_lists.encode(["tea", "salt"], rung)
    state = resealed(world, await enveloped(world), packed_product_ids=packed)
    assert await world.order("ada", Strategy.MESSAGE_FIELD, ["tea", "salt"], state) == OK


async def test_plain_envelopes_are_read_as_before(world: World) -> None:
    state = resealed(world, await enveloped(world), product_ids=["tea", "salt"])
    assert await world.order("ada", Strategy.MESSAGE_FIELD, ["tea", "salt"], state) == OK


@pytest.mark.parametrize(
    "changes",
    [
        {"packed_product_ids": bombs.packed_list()},
        {"packed_product_ids": b"!"},
        {"packed_product_ids": id_lists.encode(["tea"], "delta") + b"\x00"},
        {"packed_product_ids": id_lists.encode(["tea"], "delta"), "product_ids": ["tea"]},
    ],
    ids=["bomb", "nonsense", "a byte too many", "two lists"],
)
async def test_signed_nonsense_in_an_envelope_is_refused(
    world: World, changes: dict[str, Any]
) -> None:
    state = resealed(world, await enveloped(world), **changes)
    assert await world.order("ada", Strategy.MESSAGE_FIELD, ["tea"], state) == REFUSED


async def test_what_a_reference_stands_for_is_packed_too(world: World) -> None:
    await world.grant("ada", "tea", "salt")
    state = (await world.list_page("ada", Strategy.REFERENCE)).carried
    assert await world.order("ada", Strategy.REFERENCE, ["tea", "salt"], state) == OK
    refusal = await world.order("ada", Strategy.REFERENCE, ["soap"], state)
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
