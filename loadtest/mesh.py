"""`make mesh`: both services behind Envoy sidecars with mutual TLS, until Ctrl-C.

    python -m loadtest.mesh [--second-percent 10]

The certificates' authority is made on the first run, below $XDG_STATE_HOME/waybill.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loadtest.meshed import MeshedShop, MeshOptions, weights
from loadtest.processes import StartFailed, run_program
from loadtest.shop import ADMIN_ROLE, ADMIN_SUBJECT, ROOT
from mesh.hop import Address, HopFailed, HopMissing
from mesh.split import weights_url
from waybill.serving.paths import state_home

CUSTOMER = "alice"
HALF = 50
_BOTH = {"PRODUCTS_STATE_VERSIONS": "1,2"}
_V1, _V2 = {"ORDERS_STATE_VERSIONS": "1"}, {"ORDERS_STATE_VERSIONS": "2"}
LOOK_S = 0.5
ROTATE_EVERY_S = 6 * 3600
"""A quarter of a certificate's life."""
IMPORTS = "-import-path protos"
PRODUCTS_PROTO = f"{IMPORTS} -proto shop/products/v1/products.proto"
ORDERS_PROTO = f"{IMPORTS} -proto shop/orders/v1/orders.proto"


def recipes(meshed: MeshedShop) -> Iterator[str]:
    """Everything to paste, for a shell in the project's folder."""
    shop, layout = meshed.shop, meshed.layout
    yield "# In another shell:"
    yield f"cd {shlex.quote(str(ROOT))}"
    yield f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    yield f"export EDGE={meshed.target}"
    yield f"export TOKEN={shop.token(CUSTOMER)}"
    yield f"export ADMIN_TOKEN={shop.token(ADMIN_SUBJECT, [ADMIN_ROLE])}"
    granted = shop.stock.granted(CUSTOMER)
    others = {product.product_id for product in shop.stock.catalogue()} - set(granted)
    yield from _calls(granted[0], min(others))
    if len(meshed.running.split) > 1:
        yield from _shifting(layout.edge.admin, weights(HALF))
    yield "\n# Each proxy's own view: metrics, clusters, certificates"
    for proxy in layout.proxies:
        yield f"curl http://{proxy.admin}/stats/prometheus   # {proxy.name}"
    yield f"\n# Access logs: {layout.edge.home.parent}/*/access.log"


def _calls(product: str, other: str) -> Iterator[str]:
    order = {"request_id": "mesh-1", "lines": [{"product_id": product, "quantity": 1}]}
    grant = {"subject": CUSTOMER, "product_ids": [other]}
    yield "\n# As a user, through the edge"
    yield _call(PRODUCTS_PROTO, "shop.products.v1.ProductsService/ListProducts")
    yield _call(
        ORDERS_PROTO,
        "shop.orders.v1.OrdersService/PlaceOrder",
        f"-H 'waybill-strategy: replica' {_body(order)}",
    )
    yield "\n# As an administrator: one more product for the user"
    yield _call(
        PRODUCTS_PROTO,
        "shop.products.v1.ProductsService/GrantAccess",
        _body(grant),
        token="ADMIN_TOKEN",  # noqa: S106 -- a variable's name
    )
    yield "\n# Refused: no token; a method that is for services only"
    yield _call(PRODUCTS_PROTO, "shop.products.v1.ProductsService/ListProducts", token="")
    yield _call(PRODUCTS_PROTO, "shop.products.v1.ProductsService/CheckAccess")


def _call(proto: str, method: str, words: str = "", *, token: str = "TOKEN") -> str:  # noqa: S107 -- a variable's name
    """A grpcurl command; `token` is the shell's variable, if any."""
    header = f'-H "authorization: Bearer ${token}"' if token else ""
    return " ".join(filter(None, ["grpcurl -plaintext", header, proto, words, "$EDGE", method]))


def _body(message: object) -> str:
    return f"-d {shlex.quote(json.dumps(message))}"


def _shifting(admin: Address, new: Mapping[str, int]) -> Iterator[str]:
    url = shlex.quote(weights_url(admin, new))
    yield "\n# Other weights of the split, from now on; then how many orders each service has had"
    yield f"curl -X POST {url}"
    yield f"curl 'http://{admin}/stats?filter=^cluster.orders.*upstream_rq_total'"


def wait_while_alive(meshed: MeshedShop) -> None:
    """Return only if a service ends by itself; certificates are renewed meanwhile.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    rotate_at = time.monotonic() + ROTATE_EVERY_S
    while meshed.shop.products.alive and meshed.shop.orders.alive:
        time.sleep(LOOK_S)
        if time.monotonic() > rotate_at:
            meshed.layout.rotate()
            rotate_at = time.monotonic() + ROTATE_EVERY_S


def main(argv: Sequence[str] | None = None) -> int:
    """Run the mesh until Ctrl-C; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.mesh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--second-percent",
        type=int,
        metavar="PERCENT",
        help="run a second orders service, which reads version 2 of the state where the first one "
        "reads version 1 (products issues both), and send it this part of users' orders",
    )
    parser.add_argument("--otlp", type=_address, help="host:port that takes the proxies' traces")
    options = parser.parse_args(argv)
    if options.second_percent is not None and not 0 <= options.second_percent <= 100:
        parser.error("--second-percent is from 0 to 100")
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 0
    except (HopFailed, HopMissing, StartFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    split = options.second_percent is not None
    mesh_options = MeshOptions(
        second_env=_V2 if split else None,
        second_percent=options.second_percent or 0,
        otlp=options.otlp,
    )
    certificates = state_home(os.environ) / "mesh-certificates"
    with (
        tempfile.TemporaryDirectory(prefix="waybill-mesh-") as folder,
        MeshedShop(
            Path(folder),
            products_env=_BOTH if split else None,
            orders_env=_V1 if split else None,
            certificates=certificates,
            options=mesh_options,
        ) as meshed,
    ):
        print("\n".join(recipes(meshed)), flush=True)
        print("\nThe mesh runs; Ctrl-C ends it.", flush=True)
        wait_while_alive(meshed)
        for service in (meshed.shop.products, meshed.shop.orders):
            if not service.alive:
                print(f"{service.name} ended:\n{service.tail()}", file=sys.stderr)
    return 1


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError("an address is host:port")
    return Address(host, int(port))


if __name__ == "__main__":
    run_program(main)
