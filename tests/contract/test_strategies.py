"""Every strategy through every case; what differs is declared in `exceptions.py`."""

from pathlib import Path

import pytest

from client.carriers.table import CARRIERS
from orders_svc.resolvers import RESOLVERS
from products_svc.issuers import ISSUERS
from tests.contract.cases import CASES
from tests.contract.exceptions import EXCEPTIONS
from tests.contract.world import world
from waybill.strategy import Strategy


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("name", CASES)
async def test_case(name: str, strategy: Strategy, tmp_path: Path, valkey_url: str) -> None:
    case = CASES[name]
    declared = EXCEPTIONS.get((name, strategy))
    async with world(tmp_path, valkey_url) as shop:
        outcome = await case.run(shop, strategy)
    assert outcome == (declared.outcome if declared else case.expected)


@pytest.mark.parametrize("versions", [(1,), (2,), (1, 2)], ids=["v1", "v2", "v1 and v2"])
@pytest.mark.parametrize("strategy", Strategy)
async def test_every_issued_version_is_read(
    versions: tuple[int, ...], strategy: Strategy, tmp_path: Path, valkey_url: str
) -> None:
    async with world(tmp_path, valkey_url, versions) as shop:
        outcome = await CASES["happy"].run(shop, strategy)
    assert outcome == CASES["happy"].expected


def test_exceptions_are_exceptions() -> None:
    pointless = [
        key for key, declared in EXCEPTIONS.items() if declared.outcome == CASES[key[0]].expected
    ]
    assert pointless == []


@pytest.mark.parametrize(
    "table", [ISSUERS, RESOLVERS, CARRIERS], ids=["issuer", "resolver", "carrier"]
)
def test_every_strategy_has_its_three_parts(table: dict[Strategy, object]) -> None:
    assert set(table) == set(Strategy)
