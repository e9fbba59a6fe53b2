"""Version 1 with its ids packed: both services, and what a forger inside of products could send."""

import json
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
import pytest

from tests.contract import forgery
from tests.contract.world import OK, Outcome, World
from waybill import base64url, id_lists
from waybill.metadata import state_key
from waybill.signing import sign_jwt
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


async def test_a_packed_list_that_was_tampered_with_is_refused(world: World) -> None:
    state = forgery.tampered(await carried(world))
    assert await world.order("ada", JWT, ["tea"], state) == REFUSED


@pytest.mark.parametrize("rung", id_lists.CODECS)
async def test_every_rung_is_read(world: World, rung: str) -> None:
    text = base64url.encode(id_lists.encode(["tea", "salt"], rung))
    state = repacked(world, await carried(world), text)
    assert await world.order("ada", JWT, ["tea", "salt"], state) == OK


def bomb() -> str:
    """A thousand bytes that unfold into a million."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = stream.compress(b"0a\n" * 350_000) + stream.flush()
    return base64url.encode(bytes([id_lists.TAGS["deflate"]]) + body)


@pytest.mark.parametrize(
    "packed",
    [
        bomb(),
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
