"""The client as a library."""

import socket
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest

from client.api import ShopClient
from client.channels import Limits, Tls
from client.errors import CallRefused, NothingKept, OverBudget
from shop.orders.v1.orders_pb2_grpc import add_OrdersServiceServicer_to_server
from shop.products.v1.products_pb2_grpc import add_ProductsServiceServicer_to_server
from tests.certificates import Authority
from tests.integration.client_fakes import FakeOrders, FakeProducts, FakeShop, Script, fake_shop
from waybill.errors import NotGranted, StateMissing, StateTooLarge
from waybill.strategy import Strategy
from waybill.testing import FakeClock

TOKEN = "a.b.c"


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with fake_shop(FakeClock()) as shop:
        yield shop


def client(shop: FakeShop, **options: object) -> ShopClient:
    return ShopClient(shop.products_target, shop.orders_target, TOKEN, **options)  # type: ignore[arg-type]


def test_list_then_order(shop: FakeShop) -> None:
    with client(shop, strategy=Strategy.METADATA_JWT) as shopping:
        page = shopping.list(page_size=2)
        assert [product.product_id for product in page.products] == ["sku-1", "sku-2"]
        assert page.revision == 17
        placed = shopping.order({"sku-1": 2})
    assert placed.order_id == "order-1"
    assert len(placed.request_id) == 32
    assert len(shop.last.metadata["waybill-state-v2"]) == 1


def test_pages_go_on_in_the_next_client(shop: FakeShop) -> None:
    with client(shop) as first:
        first.list_all(page_size=2)
        kept = first.pages
    assert len(kept) == 3
    with client(shop, pages=kept) as second:
        second.order({"sku-5": 1})
    assert len(shop.last.request.state) == 1  # type: ignore[attr-defined]


def test_no_proxy_sees_a_token_in_plain_text(
    shop: FakeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:{1}".format(*proxy.getsockname()))
        with client(shop, limits=Limits(timeout_s=2)) as shopping:
            assert shopping.list(page_size=2).products


def test_a_refusal_is_told_with_its_reason_and_notes(shop: FakeShop) -> None:
    shop.script.refusal = NotGranted(facts={"product_id": "x"})
    refused = pytest.raises(CallRefused, match="NOT_GRANTED from orders at")
    with client(shop, strategy=Strategy.REPLICA) as shopping, refused as caught:
        shopping.order({"x": 1}, request_id="r-1")
    assert caught.value.refusal.code is grpc.StatusCode.PERMISSION_DENIED
    assert caught.value.refusal.facts == {"product_id": "x"}
    assert caught.value.notes == {"request_id": "r-1"}


def test_what_is_not_sent_is_of_the_librarys_errors(shop: FakeShop) -> None:
    with client(shop) as shopping, pytest.raises(StateMissing) as missing:
        shopping.order({"x": 1})
    assert isinstance(missing.value, NothingKept)
    tight = Limits(state_budget_bytes=10)
    with client(shop, strategy=Strategy.METADATA_JWT, limits=tight) as shopping:
        shopping.list()
        with pytest.raises(StateTooLarge) as large:
            shopping.order({"sku-1": 1})
    assert isinstance(large.value, OverBudget)
    assert shop.last.method == "ListProducts"


def test_the_budget_is_for_metadata_only(shop: FakeShop) -> None:
    with client(shop, limits=Limits(state_budget_bytes=1)) as shopping:
        shopping.list()
        assert shopping.carried(["sku-1"]).size_bytes > 1
        shopping.order({"sku-1": 1})


def test_a_budget_is_inclusive(shop: FakeShop) -> None:
    with client(shop, strategy=Strategy.METADATA_JWT) as shopping:
        shopping.list()
        size = shopping.carried(["sku-1"]).size_bytes
        pages = shopping.pages
    exact = Limits(state_budget_bytes=size)
    with client(shop, strategy=Strategy.METADATA_JWT, limits=exact, pages=pages) as shopping:
        assert shopping.order({"sku-1": 1}).order_id


def test_a_call_does_not_wait_longer_than_it_may(shop: FakeShop) -> None:
    hasty = Limits(timeout_s=0.1)
    shop.script.may_answer.clear()
    with client(shop, limits=hasty) as shopping, pytest.raises(CallRefused) as caught:
        shopping.get("sku-1")
    shop.script.may_answer.set()
    assert caught.value.refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_the_token_is_in_no_text_form(shop: FakeShop) -> None:
    shop.script.raw_refusal = (grpc.StatusCode.INTERNAL, "broken")
    with client(shop) as shopping, pytest.raises(CallRefused) as caught:
        shopping.list()
    assert TOKEN not in str(caught.value) + repr(caught.value) + repr(vars(shopping))


def test_mutual_tls() -> None:
    authority, stranger = Authority("shop"), Authority("stranger")
    server_identity, own = authority.issue("localhost"), authority.issue("client")
    script = Script(FakeClock())
    script.may_answer.set()
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add_ProductsServiceServicer_to_server(FakeProducts(script), server)
    add_OrdersServiceServicer_to_server(FakeOrders(script), server)
    credentials = grpc.ssl_server_credentials(
        [(server_identity.key, server_identity.certificate)],
        root_certificates=authority.certificate,
        require_client_auth=True,
    )
    target = f"localhost:{server.add_secure_port('localhost:0', credentials)}"
    server.start()
    try:
        tls = Tls(authority.certificate, own.certificate, own.key)
        with ShopClient(target, target, TOKEN, tls=tls) as shopping:
            assert shopping.list().products
        for wrong in (
            Tls(stranger.certificate, own.certificate, own.key),
            Tls(authority.certificate),
        ):
            shopping = ShopClient(target, target, TOKEN, tls=wrong)
            with shopping, pytest.raises(CallRefused) as caught:
                shopping.list()
            assert caught.value.refusal.code is grpc.StatusCode.UNAVAILABLE
    finally:
        server.stop(None).wait()
