"""Revocations reach every worker process, one that starts later as well."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import psutil
import pytest

from loadtest import revocation
from loadtest.listing import ListedPage, listed, listing_channel
from loadtest.shop import ADMIN_ROLE, ADMIN_SUBJECT, Shop
from loadtest.stock import Stock
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import RevokeAccessRequest
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.metadata import AUTHORIZATION
from waybill.status import error_from
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e

WORKERS = 2
CONNECTIONS = 8
"""Enough that no worker goes without one, nearly always."""
WITHIN_S = 30.0
OK = "OK"
SUPERSEDED = "STATE_SUPERSEDED"
NOT_KNOWN_YET = "REVOCATIONS_UNKNOWN"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(
        tmp_path_factory.mktemp("shop"),
        orders_env={"ORDERS_STATE_REVOCATION": "watermarks"},
        orders_workers=WORKERS,
        stock=Stock(grants={"ada": 3, "bob": 3}, products=10),
    ) as shop:
        yield shop


def page(shop: Shop, subject: str) -> ListedPage:
    with listing_channel(shop.products_target) as channel:
        return listed(channel, Strategy.METADATA_JWT, shop.token(subject), 100)


def revoke(shop: Shop, subject: str, product_id: str) -> None:
    request = RevokeAccessRequest(subject=subject, product_ids=[product_id])
    credentials = ((AUTHORIZATION, f"Bearer {shop.token(ADMIN_SUBJECT, [ADMIN_ROLE])}"),)
    with grpc.insecure_channel(shop.products_target) as channel:
        ProductsServiceStub(channel).RevokeAccess(request, metadata=credentials)


def answers(shop: Shop, shown: ListedPage) -> list[str]:
    """What an order of a page's last product is answered over several connections."""
    product_id = shown.product_ids[-1]
    request = PlaceOrderRequest(
        request_id="one",
        lines=[OrderLine(product_id=product_id, quantity=1)],
        validate_only=True,
    )
    options = (("grpc.use_local_subchannel_pool", 1),)
    found = []
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            channel = stack.enter_context(grpc.insecure_channel(shop.orders_target, options))
            try:
                OrdersServiceStub(channel).PlaceOrder(
                    request, metadata=shown.order_metadata(product_id), timeout=5
                )
                found.append(OK)
            except grpc.RpcError as error:
                found.append(error_from(error).reason)
    return found


def answers_until(shop: Shop, shown: ListedPage, wanted: str) -> set[str]:
    """All answers up to the round in which every connection got the one that is wanted."""
    seen: set[str] = set()
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        found = set(answers(shop, shown))
        seen |= found
        if found == {wanted}:
            return seen
    raise AssertionError(f"not all {wanted}: {seen}")


def test_every_worker_hears_of_it(shop: Shop) -> None:
    shown = page(shop, "ada")
    answers_until(shop, shown, OK)
    revoke(shop, "ada", shown.product_ids[0])
    answers_until(shop, shown, SUPERSEDED)


def test_a_worker_that_starts_later_hears_of_it_before_it_believes_anything(shop: Shop) -> None:
    shown = page(shop, "bob")
    revoke(shop, "bob", shown.product_ids[0])
    answers_until(shop, shown, SUPERSEDED)
    workers = psutil.Process(shop.orders_pids[0]).children()
    before = {each.pid for each in workers}
    os.kill(next(pid for pid in sorted(before) if is_worker(pid)), signal.SIGKILL)
    seen: set[str] = set()
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline and not new_worker(shop, before):
        seen.update(answers(shop, shown))
    seen |= answers_until(shop, shown, SUPERSEDED)
    assert new_worker(shop, before)
    assert OK not in seen


def is_worker(pid: int) -> bool:
    return "serve" in psutil.Process(pid).cmdline()


def new_worker(shop: Shop, before: set[int]) -> bool:
    children = psutil.Process(shop.orders_pids[0]).children()
    return any(child.pid not in before and is_worker(child.pid) for child in children)


def test_the_measurement_says_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert revocation.main(["--seconds", "3"]) == 0
    told = capsys.readouterr().out
    for strategy in revocation.lanes():
        assert strategy.strategy.value in told
    assert "target" in told
