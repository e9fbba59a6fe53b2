"""`make up`: both services with demo data, and lines to paste, until Ctrl-C.

python -m loadtest.up
"""

import argparse
import base64
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import grpc
from google.protobuf.json_format import MessageToDict

from loadtest.listing import ListedPage, listed, listing_channel
from loadtest.postgres import shop_databases
from loadtest.processes import StartFailed, run_program
from loadtest.shop import ADMIN_ROLE, ADMIN_SUBJECT, ROOT, Shop
from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from waybill.metadata import AUTHORIZATION
from waybill.strategy import Strategy

CUSTOMER = "alice"
PAGE_SIZE = 3
"""Few, so that the lines stay short."""
STATE_TTL_S = 24 * 3600
"""So that what is printed can be pasted the whole day."""
LOOK_S = 0.5


def variables(shop: Shop) -> dict[str, str]:
    """What the recipes use: addresses, tokens, and a product that the customer may order or not."""
    mine = shop.stock.granted(CUSTOMER)
    others = sorted({product.product_id for product in shop.stock.catalogue()} - set(mine))
    return {
        "PRODUCTS": shop.products_target,
        "ORDERS": shop.orders_target,
        "TOKEN": shop.token(CUSTOMER),
        "ADMIN_TOKEN": shop.token(ADMIN_SUBJECT, [ADMIN_ROLE]),
        "PRODUCT": mine[0],
        "OTHER": others[0],
    }


def exports(values: Mapping[str, str]) -> list[str]:
    """Shell lines that set `values`."""
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def order_line(strategy: Strategy, page: ListedPage) -> str:
    """A grpcurl command that orders the page's first product with what `strategy` carries."""
    product_id = page.product_ids[0]
    order = PlaceOrderRequest(
        request_id=f"up-{strategy}", lines=[OrderLine(product_id=product_id, quantity=1)]
    )
    order.MergeFrom(page.order_fields(product_id))
    metadata = page.order_metadata(product_id)
    headers = [f"{key}: {_text(value)}" for key, value in metadata if key != AUTHORIZATION]
    words = [
        "grpcurl -plaintext",
        f'-H "{AUTHORIZATION}: Bearer $TOKEN"',
        *(f"-H {shlex.quote(header)}" for header in headers),
        f"-d {shlex.quote(json.dumps(MessageToDict(order, preserving_proto_field_name=True)))}",
        "$ORDERS shop.orders.v1.OrdersService/PlaceOrder",
    ]
    return " ".join(words)


def _text(value: str | bytes) -> str:
    """A header's value as grpcurl takes it: bytes in base64."""
    return value if isinstance(value, str) else base64.b64encode(value).decode()


def order_lines(shop: Shop) -> Iterator[str]:
    """One order for each strategy, with state that was listed just now."""
    token = shop.token(CUSTOMER)
    with listing_channel(shop.products_target) as channel:
        for strategy in Strategy:
            yield f"# {strategy}"
            yield order_line(strategy, listed(channel, strategy, token, PAGE_SIZE))


def client_lines(shop: Shop) -> list[str]:
    """The same by the shop's own client."""
    where = {
        "XDG_STATE_HOME": str(shop.home.parent),
        "WAYBILL_PRODUCTS": shop.products_target,
        "WAYBILL_ORDERS": shop.orders_target,
    }
    python = shlex.quote(sys.executable)
    return [
        *exports(where),
        f"{python} -m client login {CUSTOMER}",
        f"{python} -m client list",
        f"{python} -m client order $PRODUCT=2",
    ]


def recipes(shop: Shop) -> Iterator[str]:
    """Everything to paste, for a shell in the project's folder."""
    yield "# In another shell:"
    yield f"cd {shlex.quote(str(ROOT))}"
    yield f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    yield from exports(variables(shop))
    yield "\n# The services, by reflection"
    yield "grpcurl -plaintext $ORDERS list"
    yield "\n# An order in each strategy's way; docs/grpcurl.md shows how to list and carry"
    yield from order_lines(shop)
    yield "\n# The same by the client, which carries the state itself"
    yield from client_lines(shop)


def wait_while_alive(shop: Shop) -> None:
    """Return only if a service ends by itself.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    while shop.products.alive and shop.orders.alive:
        time.sleep(LOOK_S)


def of_service(prefix: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Those of `variables` that are settings of the service with that prefix."""
    return {name: value for name, value in variables.items() if name.startswith(prefix)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the shop until Ctrl-C; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.up",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--products-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--orders-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--postgres", action="store_true", help="databases on a PostgreSQL server of their own"
    )
    options = parser.parse_args(argv)
    products_env = {
        "PRODUCTS_PORT": str(options.products_port),
        "PRODUCTS_STATE_TTL_S": str(STATE_TTL_S),
    }
    orders_env = {"ORDERS_PORT": str(options.orders_port)}
    try:
        with (
            tempfile.TemporaryDirectory(prefix="waybill-up-") as folder,
            shop_databases(wanted=options.postgres) as databases,
            Shop(
                Path(folder),
                products_env=products_env | of_service("PRODUCTS_", databases),
                orders_env=orders_env | of_service("ORDERS_", databases),
            ) as shop,
        ):
            print("\n".join(recipes(shop)), flush=True)
            print("\nBoth services run; Ctrl-C ends them.", flush=True)
            wait_while_alive(shop)
            ended = (service for service in (shop.products, shop.orders) if not service.alive)
            for service in ended:
                print(f"{service.name} ended:\n{service.tail()}", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    except (StartFailed, grpc.RpcError) as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    run_program(main)
