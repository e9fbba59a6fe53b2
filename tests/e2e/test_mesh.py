"""The shop behind its mesh: who gets through, who does not, and what change breaks nothing."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from pathlib import Path

import grpc
import pytest

from client.dev_issuer import PRIVATE_KEYS, DevIssuer
from loadtest.listing import listed
from loadtest.mesh import recipes
from loadtest.meshed import MeshedShop, MeshOptions
from mesh.hop import Address
from mesh.identities import Authority, spiffe_id
from mesh.service_mesh import Proxy
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import ListProductsRequest
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from tests.mesh_kit import (
    CUSTOMER,
    as_workload,
    eventually,
    exit_code,
    failed_handshakes,
    grpcurl,
    logged,
    metadata,
    place,
    sent_to_products,
    sent_to_second,
    serial,
)
from tests.otlp_collector import Collector, collecting
from waybill.signing import SigningKeyFile
from waybill.strategy import Strategy

pytestmark = [pytest.mark.e2e, pytest.mark.engines]

CALLS = 60


@pytest.fixture(scope="module")
def meshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshedShop]:
    """A mesh with two orders services that share users' orders."""
    folder = tmp_path_factory.mktemp("mesh")
    split = MeshOptions(second_env={"ORDERS_STATE_VERSIONS": "2"}, second_percent=50)
    with MeshedShop(folder, options=split) as running:
        yield running


@pytest.fixture
def edge(meshed: MeshedShop) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(meshed.target) as channel:
        yield channel


def service_token(meshed: MeshedShop) -> str:
    return f"authorization: Bearer {meshed.shop.token('orders', ['service'])}"


LIST = "shop.products.v1.ProductsService/ListProducts"
CHECK = "shop.products.v1.ProductsService/CheckAccess"
ASKED = '{"subject": "alice", "product_ids": ["any"]}'


def test_a_user_with_a_token_lists_and_orders_by_grpcurl(meshed: MeshedShop) -> None:
    token = f"authorization: Bearer {meshed.shop.token(CUSTOMER)}"

    listed = grpcurl("-plaintext", "-H", token, meshed.target, LIST)
    assert listed.returncode == 0, listed.stderr
    product = json.loads(listed.stdout)["products"][0]["productId"]

    body = json.dumps({"request_id": "by-hand", "lines": [{"product_id": product, "quantity": 1}]})
    placed = grpcurl(
        *("-plaintext", "-H", token, "-H", "waybill-strategy: replica", "-d", body),
        *(meshed.target, "shop.orders.v1.OrdersService/PlaceOrder"),
    )
    assert placed.returncode == 0, placed.stderr
    assert json.loads(placed.stdout)["order"]["strategy"] == "replica"


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_gets_through(
    strategy: Strategy, meshed: MeshedShop, edge: grpc.Channel
) -> None:
    page = listed(edge, strategy, meshed.shop.token(CUSTOMER), 10)
    product = page.product_ids[0]
    wanted = PlaceOrderRequest(
        request_id=f"through-{strategy}", lines=[OrderLine(product_id=product, quantity=1)]
    )
    wanted.MergeFrom(page.order_fields(product))

    placed = OrdersServiceStub(edge).PlaceOrder(
        wanted, metadata=page.order_metadata(product), timeout=10
    )

    assert placed.order.strategy == strategy.value


def test_without_a_token_the_edge_refuses(meshed: MeshedShop) -> None:
    before = sent_to_products(meshed)

    done = grpcurl("-plaintext", meshed.target, LIST)

    assert done.returncode == exit_code(grpc.StatusCode.UNAUTHENTICATED)
    assert sent_to_products(meshed) == before, "nothing of it reaches products"
    token = f"authorization: Bearer {meshed.shop.token(CUSTOMER)}"
    grpcurl("-plaintext", "-H", token, meshed.target, LIST)
    assert sent_to_products(meshed) == before + 1


def test_a_token_of_another_issuer_is_refused_at_the_edge(
    meshed: MeshedShop, tmp_path: Path
) -> None:
    forged = f"authorization: Bearer {DevIssuer(tmp_path).token(CUSTOMER)}"

    done = grpcurl("-plaintext", "-H", forged, meshed.target, LIST)

    assert done.returncode == exit_code(grpc.StatusCode.UNAUTHENTICATED)


def test_methods_for_services_have_no_way_in_from_the_edge(meshed: MeshedShop) -> None:
    """Not even with a token that would be good for it."""
    done = grpcurl("-plaintext", "-H", service_token(meshed), "-d", ASKED, meshed.target, CHECK)

    assert done.returncode == exit_code(grpc.StatusCode.UNIMPLEMENTED)


def test_a_sidecar_lets_orders_ask_about_all_subjects_and_nobody_else(meshed: MeshedShop) -> None:
    products, authority = meshed.layout.products, meshed.layout.authority
    asks = ("-H", service_token(meshed), "-d", ASKED, CHECK)

    allowed, trouble = as_workload(products, meshed.layout.orders[0].identity, *asks)
    assert allowed == 0, trouble
    for other in (meshed.layout.edge.identity, authority.issue("stranger")):
        denied, _ = as_workload(products, other, *asks)
        assert denied == exit_code(grpc.StatusCode.PERMISSION_DENIED)


def test_a_forged_client_certificate_gets_no_connection(meshed: MeshedShop, tmp_path: Path) -> None:
    """The right name, from an authority of the forger's own."""
    forged = Authority(tmp_path).issue("orders")
    asks = ("-H", service_token(meshed), "-d", ASKED, CHECK)

    before = failed_handshakes(meshed.layout.products)

    code, _ = as_workload(meshed.layout.products, forged, *asks)

    assert code in {1, exit_code(grpc.StatusCode.UNAVAILABLE)}
    eventually(lambda: failed_handshakes(meshed.layout.products) > before)


def test_no_client_certificate_gets_no_connection(meshed: MeshedShop) -> None:
    def called(proxy: Proxy) -> int:
        token = service_token(meshed)
        return grpcurl("-insecure", "-H", token, proxy.address, CHECK).returncode

    with ThreadPoolExecutor() as pool:  # grpcurl tries until its time to connect is over
        codes = set(pool.map(called, (meshed.layout.products, *meshed.layout.orders)))

    assert codes <= {1, exit_code(grpc.StatusCode.UNAVAILABLE)}


def test_users_orders_are_split_by_the_weights_of_the_moment(
    meshed: MeshedShop, edge: grpc.Channel
) -> None:
    """Within five standard deviations, so that chance fails this once in a million runs."""
    for percent, calls in ((0, 40), (30, 200), (100, 40)):
        meshed.shift(percent)
        before = sent_to_second(meshed)
        for _ in range(calls):
            place(meshed, edge)
        share = percent / 100
        five_deviations = 5 * sqrt(calls * share * (1 - share))
        counted = sent_to_second(meshed) - before
        assert counted == pytest.approx(calls * share, abs=five_deviations), percent
    meshed.shift(50)


def test_no_call_fails_while_weights_shift(meshed: MeshedShop, edge: grpc.Channel) -> None:
    def calls(number: int) -> None:
        if number % 8 == 0:
            meshed.shift(number * 7 % 101)
        place(meshed, edge)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(calls, range(2 * CALLS)))

    assert len(done) == 2 * CALLS, "map raises the first failure"
    meshed.shift(50)


@pytest.mark.parametrize(
    "weights", [{"orders": 1}, {"orders": 0, "orders-v2": 0}, {"orders": 9, "orders-v2": -1}]
)
def test_weights_that_make_no_sense_are_refused(
    weights: dict[str, int], meshed: MeshedShop
) -> None:
    with pytest.raises(ValueError, match="weights are"):
        meshed.running.shift(weights)


def test_certificates_rotate_without_a_failed_call(meshed: MeshedShop) -> None:
    """New connections all along, so that each handshake meets whichever certificate is there."""
    proxies = meshed.layout.proxies
    before = {proxy.name: serial(proxy) for proxy in proxies}

    def calls(number: int) -> None:
        # Without a subchannel pool of its own, a channel would share the one connection.
        own = (("grpc.use_local_subchannel_pool", 1),)
        with grpc.insecure_channel(meshed.target, options=own) as channel:
            place(meshed, channel, "direct-call")

    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(calls, range(CALLS)))
        meshed.layout.rotate()
        second = list(pool.map(calls, range(CALLS, 2 * CALLS)))

    assert len(first) + len(second) == 2 * CALLS, "map raises the first failure"
    eventually(lambda: all(serial(proxy) != before[proxy.name] for proxy in proxies))


def test_a_users_key_counts_soon_after_it_is_published(
    meshed: MeshedShop, edge: grpc.Channel
) -> None:
    """And tokens under the key before go on counting."""
    old = metadata(meshed)
    SigningKeyFile(meshed.shop.home / PRIVATE_KEYS).rotate()
    DevIssuer(meshed.shop.home).ready()

    def accepted() -> bool:
        request = ListProductsRequest(page_size=1)
        ProductsServiceStub(edge).ListProducts(request, metadata=old, timeout=10)
        new, code = metadata(meshed), grpc.StatusCode.OK
        try:
            ProductsServiceStub(edge).ListProducts(request, metadata=new, timeout=10)
        except grpc.RpcError as error:
            code = error.code()
        assert code in {grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED}
        return code is grpc.StatusCode.OK

    eventually(accepted)


def test_access_logs_tell_calls_and_no_secrets(meshed: MeshedShop, edge: grpc.Channel) -> None:
    given = metadata(meshed, "metadata-jwt")
    ProductsServiceStub(edge).ListProducts(ListProductsRequest(), metadata=given, timeout=10)

    def told() -> bool:
        calls = [each for each in logged(meshed.layout.products) if each["method"] == f"/{LIST}"]
        return spiffe_id("edge") in {call["peer"] for call in calls}

    eventually(told)
    for proxy in meshed.layout.proxies:
        assert str(given[0][1]) not in proxy.access_log.read_text()


def test_the_recipes_work_as_printed(meshed: MeshedShop) -> None:
    script = "\n".join(recipes(meshed))
    done = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=60
    )

    assert '"strategy": "replica"' in done.stdout
    assert "Unauthenticated" in done.stderr
    assert "Unimplemented" in done.stderr
    assert done.stderr.count("ERROR") == 2, done.stderr
    assert "\nOK\ncluster.orders-v2.upstream_rq_total: " in done.stdout
    assert 'upstream_rq_completed{envoy_cluster_name="orders-v2"}' in done.stdout


@pytest.fixture(scope="module")
def slow_and_traced(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[MeshedShop, Collector]]:
    """A mesh that lets few calls through, and where its traces go."""
    with collecting() as collector:
        host, _, port = collector.endpoint.removeprefix("http://").rpartition(":")
        otel = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        options = MeshOptions(rate_per_s=20, otlp=Address(host, int(port)))
        folder = tmp_path_factory.mktemp("traced")
        with MeshedShop(folder, products_env=otel, orders_env=otel, options=options) as meshed:
            yield meshed, collector


def test_proxies_join_the_traces_of_services(
    slow_and_traced: tuple[MeshedShop, Collector],
) -> None:
    """One trace holds an order's way through the edge, the sidecar, orders and products."""
    traced, collector = slow_and_traced
    with grpc.insecure_channel(traced.target) as channel:
        place(traced, channel, "direct-call")
    expected = {"edge", "orders-sidecar", "orders", "products-sidecar", "products"}

    def joined() -> bool:
        [placed] = collector.named("orders", "PlaceOrder") or [None]
        if placed is None:
            return False
        return expected <= {
            service for service, span in collector.spans if span.trace_id == placed.trace_id
        }

    eventually(joined)


def test_an_edge_over_its_rate_refuses_as_exhausted(
    slow_and_traced: tuple[MeshedShop, Collector],
) -> None:
    slow, _ = slow_and_traced
    codes = set()
    with grpc.insecure_channel(slow.target) as channel:
        stub, given = ProductsServiceStub(channel), metadata(slow)
        for _ in range(200):
            try:
                stub.ListProducts(ListProductsRequest(page_size=1), metadata=given, timeout=10)
            except grpc.RpcError as error:
                codes.add(error.code())
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}
