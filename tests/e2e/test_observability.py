"""Dashboard and alerts ask for what the services really tell."""

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import promql_parser as promql
import pytest
import yaml

from loadtest.listing import listed
from loadtest.shop import Shop
from mesh.launcher import free_port
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from tools.deploy import DEPLOY
from waybill import errors
from waybill.metadata import AUTHORIZATION
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e

FOLDER = DEPLOY / "observability"
SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(\{(?P<labels>.*)\})? ", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
BY_PROMETHEUS = {"up"}
"""Metrics that Prometheus makes itself."""
LABELS_BY_PROMETHEUS = {"job", "instance"}
WITHOUT_A_SAMPLE_HERE = {"waybill_hop"}
"""Labels of what does not happen in a healthy shop: a hop that a state does not fit through."""
KNOWN = {
    "error_type": {error.reason for error in vars(errors).values() if hasattr(error, "reason")},
    "rpc_response_status_code": {code.name for code in grpc.StatusCode},
    "job": {"products", "orders", "products|orders"},
}
"""Values of labels that need not have come up in a healthy shop."""

Series = dict[str, set[tuple[str, str]]]
"""Labels with their values, by metric."""


def test_the_alerts_ask_for_what_there_is(told: Series) -> None:
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
    for rule in rules:
        assert unknown(rule["expr"], told) == [], rule["alert"]


def test_the_dashboard_asks_for_what_there_is(told: Series) -> None:
    panels = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))["panels"]
    targets = [(each["title"], target["expr"]) for each in panels for target in each["targets"]]
    for title, query in targets:
        assert unknown(query.replace("$__rate_interval", "1m"), told) == [], title


def test_an_unknown_metric_or_label_would_be_found(told: Series) -> None:
    assert unknown("rate(waybill_made_up_total[5m])", told) == ["waybill_made_up_total"]
    [problem] = unknown('waybill_states_total{waybill_mood="good"}', told)
    assert "waybill_mood" in problem
    [problem] = unknown('waybill_state_refusals_total{error_type="MADE_UP"}', told)
    assert "MADE_UP" in problem
    assert unknown("sum by (le, mood) (waybill_states_total)", told) == ["mood"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """What both services tell Prometheus after an order and a refusal with each strategy."""
    folder, ports = tmp_path_factory.mktemp("observed"), (free_port(), free_port())
    with Shop(
        folder,
        products_env={"PRODUCTS_HTTP_PORT": str(ports[0]), "PRODUCTS_STATE_VERSIONS": "1,2"},
        orders_env={
            "ORDERS_HTTP_PORT": str(ports[1]),
            "ORDERS_STATE_REVOCATION": "watermarks",
            "ORDERS_STATE_VERSIONS": "1",
        },
    ) as shop:
        order(shop)
        return scraped(ports)


def order(shop: Shop) -> None:
    with (
        grpc.insecure_channel(shop.products_target) as products,
        grpc.insecure_channel(shop.orders_target) as orders,
    ):
        for strategy in Strategy:
            page = listed(products, strategy, shop.token("alice"), 10)
            product = page.product_ids[0]
            request = PlaceOrderRequest(
                request_id=f"observed-{strategy}",
                lines=[OrderLine(product_id=product, quantity=1)],
            )
            request.MergeFrom(page.order_fields(product))
            mine = page.order_metadata(product)
            stub = OrdersServiceStub(orders)
            stub.PlaceOrder(request, metadata=mine, timeout=10)
            bob = (AUTHORIZATION, f"Bearer {shop.token('bob')}")
            theirs = (bob, *(entry for entry in mine if entry[0] != AUTHORIZATION))
            with pytest.raises(grpc.RpcError):
                stub.PlaceOrder(request, metadata=theirs, timeout=10)


def scraped(ports: tuple[int, ...]) -> Series:
    found: Series = {}
    for port in ports:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            for sample in SAMPLE.finditer(answer.read().decode()):
                labels = found.setdefault(sample["name"], set())
                labels |= set(LABEL.findall(sample["labels"] or ""))
    return found


def unknown(query: str, told: Series) -> list[str]:
    """The metrics and labels of `query` that nobody tells, and reasons that do not exist."""
    problems = []
    for name, labels in selectors(promql.parse(query)):
        if name in BY_PROMETHEUS:
            continue
        if name not in told:
            problems.append(name)
            continue
        names = {label for label, _ in told[name]} | LABELS_BY_PROMETHEUS
        for label, value in labels:
            if label not in names:
                problems.append(f"{name} has no label {label}")
            elif value not in KNOWN.get(label, {given for _, given in told[name]}):
                problems.append(f"{name} has no {label} {value}")
    told_labels = {label for found in told.values() for label, _ in found}
    known = told_labels | LABELS_BY_PROMETHEUS | WITHOUT_A_SAMPLE_HERE
    return problems + [label for label in groupings(promql.parse(query)) if label not in known]


def selectors(node: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Every metric that an expression names, with its matchers."""
    if isinstance(node, promql.VectorSelector):
        yield node.name or "", [(each.name, each.value) for each in node.matchers.matchers]
    for child in children(node):
        yield from selectors(child)


def groupings(node: Any) -> Iterator[str]:
    """Every label that an expression groups by."""
    if isinstance(node, promql.AggregateExpr) and node.modifier:
        yield from node.modifier.labels
    for child in children(node):
        yield from groupings(child)


def children(node: Any) -> Iterator[Any]:
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if hasattr(node, name):
            yield getattr(node, name)
    yield from getattr(node, "args", ())
