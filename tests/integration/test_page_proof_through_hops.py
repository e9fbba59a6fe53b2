"""A customer with a million entitlements orders by page proof, through every real hop."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from client.carriers.base import KeptPage, kept_page
from client.carriers.table import CARRIERS
from mesh.hop import Address
from mesh.launcher import LOOPBACK, launch_path
from mesh.table import HOPS, parse_path
from products_svc.store.values import Product, WantedGrant
from products_svc.store.writer import Writer
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import ListProductsRequest
from tests import a_million
from tests.a_million import MILLION, SUBJECT
from tests.contract.world import World
from tests.needing import need
from tests.products_kit import Lab
from waybill.metadata import AUTHORIZATION, PROOF, STRATEGY, Entry, size_bytes
from waybill.strategy import Strategy
from waybill.v1.page_proof_pb2 import PageProof, PageRoot

pytestmark = pytest.mark.engines

CARRIER = CARRIERS[Strategy.PAGE_PROOF]
MOST_BYTES = 600
"""Of one product's proof as header list, at page size 100."""


class Shop(World):
    """The services, and what their customer holds."""

    async def page(self, size: int, token: str = "") -> KeptPage:
        answer = await self._products.ListProducts(
            ListProductsRequest(page_size=size, page_token=token), metadata=self.identity()
        )
        assert len(answer.products) == size
        return kept_page(CARRIER, answer, ())

    def identity(self) -> list[Entry]:
        token = f"Bearer {self.token(SUBJECT)}"
        return [(AUTHORIZATION, token), (STRATEGY, Strategy.PAGE_PROOF.value)]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; what services add to it are the three products of their usual catalogue."""
    lab = Lab(tmp_path_factory.mktemp("million"))
    lab.fill([])
    a_million.fill(lab.folder / "products.db")
    return lab.folder / "products.db"


@pytest.fixture
async def shop(database: Path, tmp_path: Path) -> AsyncIterator[Shop]:
    (tmp_path / "products.db").symlink_to(database)
    async with AsyncExitStack() as stack:
        only = (Strategy.PAGE_PROOF,)
        shop = Shop(
            tmp_path, "valkey://127.0.0.1:1", (2,), strategies=only, default_strategy=only[0]
        )
        await shop.start(stack)
        yield shop


@pytest.fixture(params=HOPS)
def hop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    need([HOPS[name]])
    return name


async def test_an_order_by_proof_passes_every_hop_in_its_defaults(shop: Shop, hop: str) -> None:
    small, large = await shop.page(100), await shop.page(10_000)
    service = Address(LOOPBACK, shop.orders_port)
    with launch_path(parse_path(hop), service) as running:
        async with grpc.aio.insecure_channel(str(running[0].address)) as channel:
            stub: Any = OrdersServiceStub(channel)
            for number, (page, ordered) in enumerate(((small, 1), (small, 10), (large, 1))):
                product_ids = sorted(page.product_ids)[:: len(page.product_ids) // ordered]
                carried = CARRIER.carry([page], product_ids)
                assert [key for key, _ in carried.metadata] == [PROOF], "not in the message"
                request = PlaceOrderRequest(
                    request_id=f"{hop}-{number}",
                    lines=[OrderLine(product_id=each, quantity=1) for each in product_ids],
                )
                answer = await stub.PlaceOrder(
                    request, metadata=[*shop.identity(), *carried.metadata], timeout=10
                )
                assert len(answer.order.lines) == len(product_ids)


async def test_the_header_of_one_product_is_that_of_its_page(shop: Shop) -> None:
    page = await shop.page(100)
    (proof,) = page.carried.proofs
    assert PageRoot.FromString(proof.statement).revision == MILLION
    for product_id in page.product_ids:
        carried = CARRIER.carry([page], [product_id])
        ((_, value),) = carried.metadata
        assert isinstance(value, bytes)
        assert len(PageProof.FromString(value).leaves) == 1
        assert size_bytes(carried.metadata) <= MOST_BYTES


def test_what_the_database_puts_in_is_what_the_service_would_have_written(tmp_path: Path) -> None:
    count = 300
    for name in ("quick", "slow"):
        (tmp_path / name).mkdir()
    quick, slow = Lab(tmp_path / "quick"), Lab(tmp_path / "slow")
    quick.fill([])
    a_million.fill(quick.folder / "products.db", count)
    database = slow.database()
    ids = [a_million.product_id(number) for number in range(1, count + 1)]
    with database.writing() as connection:
        writer = Writer(connection, slow.clock, 0)
        writer.put_products([Product(each, "x", a_million.PRICE_MICROS) for each in ids])
        writer.grant([WantedGrant(SUBJECT, each, 100, None) for each in ids])
        writer.finish()
    database.close()
    assert rows(quick) == rows(slow)


def rows(lab: Lab) -> dict[str, list[Any]]:
    """Everything in the database but the time at which its history began."""
    with closing(sqlite3.connect(lab.folder / "products.db")) as connection:
        tables = ("products", "grants", "changes")
        found = {each: connection.execute(f"SELECT * FROM {each}").fetchall() for each in tables}
        meta = connection.execute("SELECT schema_version, revision, floor, currency_code FROM meta")
        return {**found, "meta": meta.fetchall()}
