"""The follower as a process: one for all workers, kept alive, and gone with its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import psutil
import pytest

from loadtest.processes import Service
from loadtest.shop import Shop
from loadtest.stock import Stock
from orders_svc.__main__ import development_defaults
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest, PlaceOrderResponse
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import GrantAccessRequest, ListProductsRequest
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e
WORKERS = 2


def shop_in(folder: Path, follower: str) -> Shop:
    stock = Stock(grants={"alice": 3}, products=5)
    env = {"ORDERS_FOLLOWER": follower}
    return Shop(folder, stock=stock, orders_env=env, orders_workers=WORKERS)


def follower_of(service: Service) -> psutil.Process:
    """The one follower beside the workers."""
    found = [p for p in psutil.Process(service.pid).children() if p.cmdline()[-1] == "follow"]
    assert len(found) == 1
    return found[0]


def call(shop: Shop, subject: str, *roles: str) -> tuple[Entry, ...]:
    credential = f"Bearer {shop.token(subject, roles)}"
    return (AUTHORIZATION, credential), (STRATEGY, Strategy.REPLICA.value)


def product_ids(shop: Shop, channel: grpc.Channel) -> list[str]:
    answer = ProductsServiceStub(channel).ListProducts(
        ListProductsRequest(), metadata=call(shop, "alice"), timeout=10
    )
    return [product.product_id for product in answer.products]


def grant(shop: Shop, channel: grpc.Channel, subject: str, product_id: str) -> int:
    request = GrantAccessRequest(subject=subject, product_ids=[product_id])
    answer = ProductsServiceStub(channel).GrantAccess(
        request, metadata=call(shop, "root", "admin"), timeout=10
    )
    return int(answer.revision)


def order(shop: Shop, subject: str, product_id: str, min_revision: int = 0) -> PlaceOrderResponse:
    """An order over a connection of its own, so that any worker may get it."""
    request = PlaceOrderRequest(
        request_id="once",
        lines=[OrderLine(product_id=product_id, quantity=1)],
        validate_only=True,
        min_revision=min_revision,
    )
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(shop.orders_target, options) as channel:
        answer = OrdersServiceStub(channel).PlaceOrder(
            request, metadata=call(shop, subject), timeout=10
        )
    assert isinstance(answer, PlaceOrderResponse)
    return answer


def until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_one_follower_serves_all_workers_and_is_kept_alive(tmp_path: Path) -> None:
    with shop_in(tmp_path, "process") as shop, grpc.insecure_channel(shop.products_target) as to:
        wanted = product_ids(shop, to)[0]
        for _ in range(8):
            assert order(shop, "alice", wanted).order.lines[0].revision > 0
        first = follower_of(shop.orders)
        first.kill()
        until(lambda: not first.is_running())
        revision = grant(shop, to, "bob", wanted)
        for _ in range(8):
            assert order(shop, "bob", wanted, revision).order.lines[0].revision >= revision
        second = follower_of(shop.orders)
        assert second.pid != first.pid
    assert not psutil.pid_exists(second.pid)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_follower_ends_when_its_parent_was_killed(tmp_path: Path) -> None:
    with shop_in(tmp_path, "process") as shop:
        follower = follower_of(shop.orders)
        os.kill(shop.orders.pid, signal.SIGKILL)
        until(lambda: has_ended(follower))
        assert has_ended(follower)


def test_in_process_the_first_worker_follows_for_all(tmp_path: Path) -> None:
    with shop_in(tmp_path, "in-process") as shop, grpc.insecure_channel(shop.products_target) as to:
        wanted = product_ids(shop, to)[0]
        revision = grant(shop, to, "bob", wanted)
        for _ in range(8):
            assert order(shop, "bob", wanted, revision).order.lines[0].revision >= revision


def test_a_second_follower_is_told_why_it_cannot(tmp_path: Path) -> None:
    with shop_in(tmp_path, "process") as shop:
        environ = {**shop.environ, **development_defaults(shop.environ)}
        second = subprocess.run(
            [sys.executable, "-m", "orders_svc", "follow"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode == 1
        assert f"has a follower already (process {follower_of(shop.orders).pid})" in second.stderr
        assert "Traceback" not in second.stderr


def test_ends_at_sigterm(tmp_path: Path) -> None:
    defaults = development_defaults({"XDG_STATE_HOME": str(tmp_path)})
    with subprocess.Popen(
        [sys.executable, "-m", "orders_svc", "follow"],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path), **defaults},
        stderr=subprocess.PIPE,
    ) as follower:
        replica = Path(defaults["ORDERS_REPLICA_PATH"])
        until(lambda: (replica / "data.mdb").exists() and follower.stderr is not None)
        assert follower.stderr
        follower.stderr.readline()  # the first stream has failed: nobody is there
        follower.terminate()
        assert follower.wait(20) == 0
