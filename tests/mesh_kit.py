"""Calls to the shop behind its mesh, and what its proxies tell of themselves."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc

from loadtest.meshed import MeshedShop
from loadtest.shop import ROOT
from mesh.identities import WorkloadFiles
from mesh.service_mesh import Proxy
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub

CUSTOMER = "alice"

Metadata = tuple[tuple[str, str | bytes], ...]


def metadata(meshed: MeshedShop, strategy: str = "replica") -> Metadata:
    token = meshed.shop.token(CUSTOMER)
    return (("authorization", f"Bearer {token}"), ("waybill-strategy", strategy))


def place(meshed: MeshedShop, channel: grpc.Channel, strategy: str = "replica") -> None:
    """Order something, under a name of its own."""
    product = meshed.shop.stock.granted(CUSTOMER)[0]
    request = PlaceOrderRequest(
        request_id=f"mesh-{uuid4()}", lines=[OrderLine(product_id=product, quantity=1)]
    )
    OrdersServiceStub(channel).PlaceOrder(request, metadata=metadata(meshed, strategy), timeout=10)


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


def logged(proxy: Proxy) -> list[dict[str, Any]]:
    """What a proxy has written of calls. It is asked to write what it holds, in its own time."""
    urllib.request.urlopen(
        urllib.request.Request(f"http://{proxy.admin}/reopen_logs", method="POST")
    ).close()
    return [json.loads(line) for line in proxy.access_log.read_text().splitlines()]


def sent_to_second(meshed: MeshedShop) -> int:
    """How many orders the edge has sent to the second orders service, by its own metrics."""
    return _sent_to(meshed, "orders-v2")


def sent_to_products(meshed: MeshedShop) -> int:
    """How many calls the edge has sent to the products service, by its own metrics."""
    return _sent_to(meshed, "products")


def _sent_to(meshed: MeshedShop, cluster: str) -> int:
    [counter] = stats(meshed.layout.edge, f"^cluster.{cluster}.upstream_rq_total$")
    return int(counter["value"])


def stats(proxy: Proxy, name: str) -> list[dict[str, Any]]:
    """A proxy's counters whose names have `name` in them."""
    with urllib.request.urlopen(f"http://{proxy.admin}/stats?format=json&filter={name}") as answer:
        return [each for each in json.load(answer)["stats"] if "value" in each]


def failed_handshakes(proxy: Proxy) -> int:
    """Connections that showed a certificate which the proxy does not believe."""
    return sum(each["value"] for each in stats(proxy, "ssl.fail_verify_error"))


def serial(proxy: Proxy) -> str:
    """The serial number of the certificate that a proxy has loaded."""
    with urllib.request.urlopen(f"http://{proxy.admin}/certs") as answer:
        found: str = json.load(answer)["certificates"][0]["cert_chain"][0]["serial_number"]
    return found


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for what another process does in its own time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
