"""Both services as processes: keys over HTTP, pages for Prometheus, traces over OTLP."""

import base64
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from client.api import ShopClient
from loadtest.shop import Shop
from loadtest.stock import Stock
from mesh.launcher import free_port
from tests.otlp_collector import Collector, collecting
from waybill.keys import KeySet
from waybill.serving.jwks_page import PATH
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e

DEADLINE_S = 20.0
WORKERS = 2


def page(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        body = answer.read()
    assert isinstance(body, bytes)
    return body


def running_shop(folder: Path, collector: Collector) -> Shop:
    http_port = free_port()
    otlp = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    return Shop(
        folder,
        products_env={
            **otlp,
            "OTEL_METRICS_EXPORTER": "prometheus",
            "PRODUCTS_HTTP_PORT": str(http_port),
            "PRODUCTS_SIGNING_SETTLE_S": "1",
        },
        orders_env={
            **otlp,
            "OTEL_METRICS_EXPORTER": "none",
            "ORDERS_HTTP_PORT": "0",
            "ORDERS_STATE_KEYS": f"http://127.0.0.1:{http_port}{PATH}",
            "ORDERS_STATE_KEYS_REFRESH_S": "0.2",
        },
        orders_workers=WORKERS,
        stock=Stock(grants={"alice": 3}, products=5),
    )


def key_id(shopping: ShopClient) -> str:
    ((_, token),) = shopping.pages[-1].carried.metadata
    assert isinstance(token, str)
    header = token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


def shop_once(shopping: ShopClient) -> str:
    """List and order; the id of the key that signed what was carried."""
    listed = shopping.list()
    shopping.order({listed.products[0].product_id: 1})
    return key_id(shopping)


def test_keys_metrics_and_traces_of_processes(tmp_path: Path) -> None:
    with collecting() as collector:
        with running_shop(tmp_path, collector) as shop:
            targets = shop.products_target, shop.orders_target
            token = shop.token("alice")
            with ShopClient(*targets, token, strategy=Strategy.METADATA_JWT) as shopping:
                first = shop_once(shopping)
                rotated_is_not_noticed(shop, shopping, first)
            the_pages_of(shop)
        the_spans_of(collector)


def rotated_is_not_noticed(shop: Shop, shopping: ShopClient, first: str) -> None:
    """Orders go on without a refusal, before and after the new key signs."""
    environ = {**shop.environ, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "products_svc", "rotate-keys"]
    subprocess.run(command, env=environ, check=True, capture_output=True)
    until = time.monotonic() + DEADLINE_S
    while shop_once(shopping) == first:
        assert time.monotonic() < until, "the new key never signs"


def the_pages_of(shop: Shop) -> None:
    (products_port,) = shop.products.http_ports
    assert len(KeySet.from_jwks(page(products_port, PATH))) == 2
    metrics = page(products_port, "/metrics").decode()
    assert 'rpc_method="shop.products.v1.ProductsService/ListProducts"' in metrics
    assert "waybill_states_total{" in metrics
    orders = [page(port, "/metrics").decode() for port in shop.orders.http_ports]
    assert len(orders) == WORKERS
    assert any("waybill_state_age_seconds_count{" in each for each in orders)


def the_spans_of(collector: Collector) -> None:
    listed = {each.span_id for each in collector.named("products", "/ListProducts")}
    ordered = collector.named("orders", "/PlaceOrder")
    assert ordered
    assert {link.span_id for each in ordered for link in each.links} <= listed
    assert all(each.links for each in ordered)
