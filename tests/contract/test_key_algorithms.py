"""Both services with signing keys of every algorithm, and a change from one to the next."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.contract import forgery
from tests.contract.world import OK, World
from waybill.algorithms import ALGORITHMS, DEFAULT_ALGORITHM
from waybill.strategy import Strategy

SIGNED = (Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD, Strategy.PAGE_PROOF)
OTHERS = [name for name in ALGORITHMS if name != DEFAULT_ALGORITHM]


class Es256World(World):
    products_settings = MappingProxyType({"signing_algorithm": "ES256"})


class Rs256World(World):
    products_settings = MappingProxyType({"signing_algorithm": "RS256"})


WORLDS = {"ES256": Es256World, "RS256": Rs256World}


@pytest.fixture(params=OTHERS)
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, valkey_url: str
) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        world = WORLDS[request.param](tmp_path, valkey_url, (1, 2))
        await world.start(stack)
        assert world.signing_key().algorithm == request.param
        yield world


async def test_state_is_issued_read_and_refused_when_tampered_with(world: World) -> None:
    await world.grant("ada", "tea", "salt")
    for strategy in SIGNED:
        state = (await world.list_page("ada", strategy)).carried
        assert await world.order("ada", strategy, ["tea", "salt"], state) == OK
        forged = forgery.tampered(state)
        assert (await world.order("ada", strategy, ["tea"], forged)).reason == "STATE_INVALID"


async def test_one_can_change_the_algorithm_while_older_state_is_on_its_way(world: World) -> None:
    await world.grant("ada", "tea")
    before = {each: (await world.list_page("ada", each)).carried for each in SIGNED}
    await world.rotate_keys(keep=2, algorithm=DEFAULT_ALGORITHM)
    for strategy, older in before.items():
        newer = (await world.list_page("ada", strategy)).carried
        for state in (older, newer):
            assert await world.order("ada", strategy, ["tea"], state) == OK
    assert world.signing_key().algorithm == DEFAULT_ALGORITHM
    await world.rotate_keys(keep=1)
    for strategy, older in before.items():
        refused = await world.order("ada", strategy, ["tea"], older)
        assert refused.reason == "STATE_INVALID", "its key is not trusted any more"
