"""The shop behind its mesh: who gets through, who does not, and what change breaks nothing."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from client.dev_issuer import PRIVATE_KEYS, DevIssuer
from loadtest.listing import listed
from loadtest.mesh import recipes
from loadtest.meshed import MeshedShop, MeshOptions
from loadtest.shop import ROOT
from mesh.hop import Address
from mesh.identities import Authority, WorkloadFiles, spiffe_id
from mesh.service_mesh import Proxy
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import ListProductsRequest
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from tests.otlp_collector import collecting
from waybill.signing import SigningKeyFile
from waybill.strategy import Strategy

pytestmark = [pytest.mark.e2e, pytest.mark.engines, pytest.mark.timeout(120)]

CUSTOMER = "alice"
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


Metadata = tuple[tuple[str, str | bytes], ...]


def metadata(meshed: MeshedShop, strategy: str = "replica") -> Metadata:
    token = meshed.shop.token(CUSTOMER)
    return (("authorization", f"Bearer {token}"), ("waybill-strategy", strategy))


def order(meshed: MeshedShop, number: int = 0) -> PlaceOrderRequest:
    product = meshed.shop.stock.granted(CUSTOMER)[0]
    return PlaceOrderRequest(
        request_id=f"mesh-{number}", lines=[OrderLine(product_id=product, quantity=1)]
    )


def grpcurl(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Runs grpcurl with our contracts; its exit code is 64 + the status code, or 1 without one."""
    program = Path(sys.executable).parent / "grpcurl"
    protos = ["shop/products/v1/products.proto", "shop/orders/v1/orders.proto"]
    return subprocess.run(
        [
            *(program, "-connect-timeout", "2", "-max-time", "10", "-import-path", "protos"),
            *(part for proto in protos for part in ("-proto", proto)),
            *map(str, arguments),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )


def as_workload(proxy: Proxy, identity: WorkloadFiles, *arguments: object) -> tuple[int, str]:
    """A call straight to a sidecar with somebody's certificate; the server's is not looked at."""
    # -insecure: a SPIFFE certificate names no host, and who the server is, is not the question.
    done = grpcurl(
        *("-insecure", "-cert", identity.chain, "-key", identity.key, *arguments[:-1]),
        *(proxy.address, arguments[-1]),
    )
    return done.returncode, done.stderr


def exit_code(status: grpc.StatusCode) -> int:
    number: int = status.value[0]
    return 64 + number


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
    before = served_by(meshed.layout.products, LIST)

    done = grpcurl("-plaintext", meshed.target, LIST)

    assert done.returncode == exit_code(grpc.StatusCode.UNAUTHENTICATED)
    assert served_by(meshed.layout.products, LIST) == before, "nothing of it reaches products"


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
    assert failed_handshakes(meshed.layout.products) > before


def test_no_client_certificate_gets_no_connection(meshed: MeshedShop) -> None:
    for proxy in (meshed.layout.products, *meshed.layout.orders):
        done = grpcurl("-insecure", "-H", service_token(meshed), proxy.address, CHECK)
        assert done.returncode in {1, exit_code(grpc.StatusCode.UNAVAILABLE)}


def test_users_orders_are_split_by_weight(meshed: MeshedShop, edge: grpc.Channel) -> None:
    place = "shop.orders.v1.OrdersService/PlaceOrder"
    before = [served_by(proxy, place) for proxy in meshed.layout.orders]

    for number in range(CALLS):
        request = order(meshed, number)
        OrdersServiceStub(edge).PlaceOrder(request, metadata=metadata(meshed), timeout=10)

    shares = [
        served_by(proxy, place, at_least=count + 1) - count
        for proxy, count in zip(meshed.layout.orders, before, strict=True)
    ]
    assert all(share > CALLS / 6 for share in shares), shares


def test_certificates_rotate_without_a_failed_call(meshed: MeshedShop) -> None:
    """New connections all along, so that each handshake meets whichever certificate is there."""
    proxies = meshed.layout.proxies
    before = {proxy.name: serial(proxy) for proxy in proxies}

    def calls(number: int) -> None:
        # Without a subchannel pool of its own, a channel would share the one connection.
        own = (("grpc.use_local_subchannel_pool", 1),)
        with grpc.insecure_channel(meshed.target, options=own) as channel:
            OrdersServiceStub(channel).PlaceOrder(
                order(meshed, CALLS + number), metadata=metadata(meshed, "direct-call"), timeout=10
            )

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

    entries = logged(meshed.layout.products)
    assert any(entry["method"] == f"/{LIST}" for entry in entries)
    assert spiffe_id("edge") in {entry["peer"] for entry in entries}
    for proxy in meshed.layout.proxies:
        assert str(given[0][1]) not in proxy.access_log.read_text()


def test_an_edge_over_its_rate_refuses_as_exhausted(tmp_path: Path) -> None:
    with (
        MeshedShop(tmp_path, options=MeshOptions(rate_per_s=20)) as slow,
        grpc.insecure_channel(slow.target) as channel,
    ):
        stub, given = ProductsServiceStub(channel), metadata(slow)
        codes = set()
        for _ in range(200):
            try:
                stub.ListProducts(ListProductsRequest(page_size=1), metadata=given, timeout=10)
            except grpc.RpcError as error:
                codes.add(error.code())
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_the_recipes_work_as_printed(meshed: MeshedShop) -> None:
    script = "\n".join(line for line in recipes(meshed) if not line.startswith("curl"))
    done = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=60
    )

    assert '"strategy": "replica"' in done.stdout
    assert "Unauthenticated" in done.stderr
    assert "Unimplemented" in done.stderr


def logged(proxy: Proxy) -> list[dict[str, Any]]:
    """What a proxy wrote of calls, once it has written it: Envoy flushes its log every second."""
    urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{proxy.admin_port}/reopen_logs", method="POST")
    ).close()
    return [json.loads(line) for line in proxy.access_log.read_text().splitlines()]


def served_by(proxy: Proxy, method: str, *, at_least: int = 0) -> int:
    """How many calls of `method` a proxy has passed on."""
    found = 0

    def enough() -> bool:
        nonlocal found
        found = sum(entry["method"] == f"/{method}" for entry in logged(proxy))
        return found >= at_least

    eventually(enough)
    return found


def failed_handshakes(proxy: Proxy) -> int:
    """Connections that showed a certificate which the proxy does not believe."""
    url = f"http://127.0.0.1:{proxy.admin_port}/stats?format=json&filter=ssl.fail_verify_error"
    with urllib.request.urlopen(url) as answer:
        return sum(each["value"] for each in json.load(answer)["stats"] if "value" in each)


def serial(proxy: Proxy) -> str:
    """The serial number of the certificate that a proxy has loaded."""
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.admin_port}/certs") as answer:
        found: str = json.load(answer)["certificates"][0]["cert_chain"][0]["serial_number"]
    return found


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for what another process does in its own time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def test_proxies_join_the_traces_of_services(tmp_path: Path) -> None:
    """One trace holds an order's way through the edge, the sidecar, orders and products."""
    with collecting() as collector:
        host, _, port = collector.endpoint.removeprefix("http://").rpartition(":")
        otel = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        with (
            MeshedShop(
                tmp_path,
                products_env=otel,
                orders_env=otel,
                options=MeshOptions(otlp=Address(host, int(port))),
            ) as traced,
            grpc.insecure_channel(traced.target) as channel,
        ):
            OrdersServiceStub(channel).PlaceOrder(
                order(traced), metadata=metadata(traced, "direct-call"), timeout=10
            )
            expected = {"edge", "orders-sidecar", "orders", "products-sidecar", "products"}

            def joined() -> bool:
                [placed] = collector.named("orders", "PlaceOrder") or [None]
                if placed is None:
                    return False
                return expected <= {
                    service for service, span in collector.spans if span.trace_id == placed.trace_id
                }

            eventually(joined)
