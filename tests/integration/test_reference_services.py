"""Strategy reference through both services, while its store comes and goes."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import grpc
import pytest
import valkey

import orders_svc.bootstrap
import orders_svc.settings
import products_svc.bootstrap
from loadtest.valkey import ValkeyServer
from tests.contract.world import OK, Outcome, World, world
from tests.orders_kit import Issuers
from tests.products_kit import Lab
from waybill.metadata import REFERENCE
from waybill.status import error_from
from waybill.strategy import Strategy
from waybill.values import CarriedState

pytestmark = pytest.mark.engines

STORE_GONE = Outcome(grpc.StatusCode.UNAVAILABLE, "REFERENCE_STORE_UNAVAILABLE")
LEADS_NOWHERE = Outcome(grpc.StatusCode.UNAUTHENTICATED, "STATE_INVALID")


class Store:
    """A server that can be stopped and started again in the same place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = ValkeyServer(folder).__enter__()
        self.url = self._server.url

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server = ValkeyServer(self._folder, port=self._server.port).__enter__()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path)
    yield store
    store.stop()


@pytest.fixture
async def shop(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, store.url, log_level="debug") as shop:
        await shop.grant("ada", "tea", "salt")
        yield shop


async def order(shop: World, carried: CarriedState) -> Outcome:
    return await shop.order("ada", Strategy.REFERENCE, ["tea"], carried)


async def refusal(call: Awaitable[object]) -> Outcome:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    told = error_from(caught.value)
    return Outcome(told.code, told.reason)


async def test_without_the_store_nothing_is_issued_and_nothing_granted(
    shop: World, store: Store
) -> None:
    page = await shop.list_page("ada", Strategy.REFERENCE)
    store.stop()
    assert await order(shop, page.carried) == STORE_GONE
    assert await refusal(shop.list_page("ada", Strategy.REFERENCE)) == STORE_GONE
    store.start()
    assert await order(shop, page.carried) == LEADS_NOWHERE
    fresh = await shop.list_page("ada", Strategy.REFERENCE)
    assert await order(shop, fresh.carried) == OK


async def test_other_strategies_do_not_notice(shop: World, store: Store) -> None:
    store.stop()
    page = await shop.list_page("ada", Strategy.MESSAGE_FIELD)
    assert await shop.order("ada", Strategy.MESSAGE_FIELD, ["tea"], page.carried) == OK


async def test_an_emptied_store_refuses_every_reference(shop: World, store: Store) -> None:
    page = await shop.list_page("ada", Strategy.REFERENCE)
    with valkey.Valkey.from_url(store.url) as client:
        client.flushall()
    assert await order(shop, page.carried) == LEADS_NOWHERE


async def test_a_revoke_that_misses_the_store_is_not_acknowledged_until_it_is_repeated(
    shop: World, store: Store
) -> None:
    await shop.list_page("ada", Strategy.REFERENCE)
    store.stop()
    incomplete = Outcome(grpc.StatusCode.UNAVAILABLE, "REVOCATION_INCOMPLETE")
    assert await refusal(shop.revoke("ada", "tea")) == incomplete
    assert await refusal(shop.revoke("ada", "tea")) == incomplete
    store.start()
    await shop.revoke("ada", "tea")
    page = await shop.list_page("ada", Strategy.REFERENCE)
    assert page.product_ids == {"salt"}


async def test_a_repeated_revoke_reaches_references_that_the_first_one_missed(
    shop: World, store: Store
) -> None:
    """The store was out of reach, and not down: what it holds is still there."""
    page = await shop.list_page("ada", Strategy.REFERENCE)
    with valkey.Valkey.from_url(store.url) as client:
        client.config_set("maxclients", 1)
        client.client_kill_filter(_type="normal", skipme=True)
        incomplete = Outcome(grpc.StatusCode.UNAVAILABLE, "REVOCATION_INCOMPLETE")
        assert await refusal(shop.revoke("ada", "tea")) == incomplete
        client.config_set("maxclients", 1000)
    assert await order(shop, page.carried) == OK
    await shop.revoke("ada", "tea")
    assert await order(shop, page.carried) == LEADS_NOWHERE


async def test_every_page_has_its_own_handle_and_revoking_takes_them_all(shop: World) -> None:
    first = await shop.list_page("ada", Strategy.REFERENCE)
    second = await shop.list_page("ada", Strategy.REFERENCE)
    assert first.carried != second.carried
    both = first.carried + second.carried
    assert await order(shop, both) == OK
    await shop.revoke("ada", "salt")
    assert await order(shop, first.carried) == LEADS_NOWHERE
    assert await order(shop, second.carried) == LEADS_NOWHERE


async def test_no_handle_is_ever_logged(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path, store.url, log_level="debug") as shop:
        await shop.grant("ada", "tea")
        page = await shop.list_page("ada", Strategy.REFERENCE)
        ((key, handle),) = page.carried.metadata
        assert key == REFERENCE
        await order(shop, page.carried)
        await shop.order("eve", Strategy.REFERENCE, ["tea"], page.carried)
        await shop.revoke("ada", "tea")
        await order(shop, page.carried)
        store.stop()
        await order(shop, page.carried)
    captured = capsys.readouterr()
    assert "REFERENCE_STORE_UNAVAILABLE" in captured.err
    assert str(handle) not in captured.out + captured.err


async def test_without_a_url_the_strategy_is_not_accepted_and_the_start_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(tmp_path)
    async with lab.service(log_level="info") as service:
        answer = await refusal(service.listing(strategy="reference"))
    assert answer == Outcome(grpc.StatusCode.PERMISSION_DENIED, "STRATEGY_NOT_ACCEPTED")
    assert '"needs": "PRODUCTS_REFERENCE_URL"' in capsys.readouterr().err


NOWHERE = "valkey://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("default", "counts"), [(Strategy.MESSAGE_FIELD, False), (Strategy.REFERENCE, True)]
)
async def test_the_store_counts_for_health_where_it_is_the_default_way(
    tmp_path: Path, default: Strategy, counts: bool
) -> None:
    settings = {"reference_url": NOWHERE, "default_strategy": default}
    products = products_svc.bootstrap.build(Lab(tmp_path).settings(**settings))
    # Not the replica: following needs a products service.
    accepted = (Strategy.MESSAGE_FIELD, Strategy.REFERENCE)
    values = Issuers(tmp_path).settings(strategies=accepted, **settings)
    orders = orders_svc.bootstrap.build(orders_svc.settings.Settings(**values))
    for service in (products, orders):
        assert await service.checks["reference store"]() is not None
        (name,) = service.service_names
        for whole in ("", name):
            assert ("reference store" in service.needs[whole]) == counts
        assert "reference store" in service.needs[f"{name}/reference"]
        assert "reference store" not in service.needs[f"{name}/message-field"]
        await service.close()
