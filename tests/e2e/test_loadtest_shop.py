"""The lab's shop starts whole and leaves nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import grpc
import psutil
import pytest

from loadtest.processes import StartFailed
from loadtest.shop import Shop
from loadtest.stock import Stock
from loadtest.up import recipes
from shop.products.v1.products_pb2 import ListProductsRequest
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e


def test_starts_both_services_with_data_and_leaves_no_process(tmp_path: Path) -> None:
    with Shop(tmp_path, stock=Stock(grants={"alice": 7}, products=20)) as shop:
        pids = [*shop.products.pids, *shop.orders_pids]
        assert shop.products_pid in pids
        assert len(listed(shop, "alice")) == 7
        assert listed(shop, "bob") == []
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_ends_the_first_service_where_the_second_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(StartFailed, match="ORDERS_NO_SUCH_SETTING"),
        Shop(tmp_path, orders_env={"ORDERS_NO_SUCH_SETTING": "1"}) as _,
    ):
        pass
    children = psutil.Process().children(recursive=True)
    assert not [child for child in children if "products_svc" in child.cmdline()]


def test_sigterm_ends_the_shop_of_make_up() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "loadtest.up"], stdout=subprocess.PIPE, text=True
    ) as up:
        assert up.stdout is not None
        while not up.stdout.readline().startswith("Both services run"):
            assert up.poll() is None
        services = psutil.Process(up.pid).children(recursive=True)
        up.send_signal(signal.SIGTERM)
    assert up.returncode == 0
    assert len(services) >= 2
    assert not any(service.is_running() for service in services)


def listed(shop: Shop, subject: str) -> list[str]:
    with grpc.insecure_channel(shop.products_target) as channel:
        answer = ProductsServiceStub(channel).ListProducts(
            ListProductsRequest(page_size=100),
            metadata=(("authorization", f"Bearer {shop.token(subject)}"),),
            timeout=10,
        )
    return [product.product_id for product in answer.products]


def test_everything_that_make_up_prints_can_be_pasted(tmp_path: Path) -> None:
    with Shop(tmp_path) as shop:
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(recipes(shop))],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 0, result.stderr
    for strategy in Strategy:
        assert f'"strategy": "{strategy}"' in result.stdout
