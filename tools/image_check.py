"""`make image-check`: the image runs as docs/deployment.md says, and needs to do nothing else.

    python -m tools.image_check --engine podman --image waybill

Every container is started as deploy/compose.yaml starts it: a root file system that cannot be
written, no capabilities, no new privileges, and one volume. Whatever is started is removed again.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tools.contained_shop import STOP_S, CheckFailed, ContainedShop
from tools.containers import Engine, EngineFailed

STRATEGIES: Final = ("metadata-jwt", "message-field", "replica", "direct-call", "page-proof")
"""All that need no engine beside the services."""
CUSTOMER: Final = "user-000001"
KILLED: Final = 128 + 9
"""The exit code of who was."""
CONFINED: Final[dict[str, object]] = {
    "user": 65532,
    "capabilities": 0,
    "no_new_privileges": 1,
    "writable": ["/var/lib/waybill"],
    "not_needed": [],
    "secretive": [],
    "not_compiled": [],
}
"""What INSIDE must find."""


def is_confined(shop: ContainedShop) -> str:
    """The image holds what runs and no more, and its process may do nothing but that."""
    shop.open()
    facts = shop.facts()
    wrong = {name: facts[name] for name in CONFINED if facts[name] != CONFINED[name]}
    if wrong:
        raise CheckFailed(f"not as it should be: {wrong}")
    image = shop.engine.inspect(shop.image)
    size, layers = image["Size"] / 1e6, len(image["RootFS"]["Layers"])
    return f"{size:,.0f} MB unpacked, {layers} layers, seccomp mode {facts['seccomp']}"


def serves(shop: ContainedShop) -> str:
    """The development login, then both services up to SERVING."""
    token = "/var/lib/waybill/orders-service-token"  # noqa: S105 -- a path
    shop.client("login", "orders", "--service", "--write-token", token)
    shop.serve(
        "products",
        50051,
        {
            "PRODUCTS_HOST": "0.0.0.0",  # noqa: S104 -- within the container's own network
            "PRODUCTS_HTTP_HOST": "0.0.0.0",  # noqa: S104
            "PRODUCTS_HTTP_PORT": "9464",
            "PRODUCTS_USER_KEYS": "/identity/users-jwks.json",
        },
    )
    keys = f"http://{shop.named('products')}:9464/.well-known/jwks.json"
    shop.serve(
        "orders",
        50052,
        {
            "ORDERS_HOST": "0.0.0.0",  # noqa: S104
            "ORDERS_USER_KEYS": "/identity/users-jwks.json",
            "ORDERS_SERVICE_TOKEN_FILE": "/identity/orders-service-token",
            "ORDERS_STATE_KEYS": keys,
            "ORDERS_PRODUCTS_TARGET": f"{shop.named('products')}:50051",
        },
    )
    return "both are SERVING"


def takes_orders(shop: ContainedShop) -> str:
    """One order under each strategy, by the client in its container."""
    shop.generated(subjects=2, grants_per_subject=20, products=40)
    shop.client("login", CUSTOMER)
    placed = {_placed(shop, strategy) for strategy in STRATEGIES}
    _same(placed, shop.orders())
    return ", ".join(STRATEGIES)


def orders_survive_a_kill(shop: ContainedShop) -> str:
    """What was acknowledged is there after SIGKILL."""
    before = shop.orders()
    shop.engine("kill", "--signal", "KILL", shop.named("orders"))
    shop.restart("orders")
    return _same(before, shop.orders())


def stops_and_comes_back(shop: ContainedShop) -> str:
    """Both drain within the grace period, orders with products gone; the volumes keep the data."""
    before = shop.orders()
    for part in ("products", "orders"):
        shop.ends_well(part)
    shop.restart("products", "orders")
    return _same(before, shop.orders())


def sorts_on_the_volume(shop: ContainedShop) -> str:
    """An import large enough that SQLite sorts in a file."""
    return shop.generated(subjects=1000, grants_per_subject=200, products=2000)


def heeds_an_early_stop(shop: ContainedShop) -> str:
    """A service that is stopped before it listens for SIGTERM ends, too."""
    shop.ends_well("products")
    shop.engine("start", shop.named("products"))
    shop.engine("stop", "-t", str(STOP_S), shop.named("products"))
    code = shop.engine.exit_code(shop.named("products"))
    if code == KILLED:
        raise CheckFailed("products had to be killed")
    return f"exit code {code}"


CHECKS: Final[Sequence[Callable[[ContainedShop], str]]] = (
    is_confined,
    serves,
    takes_orders,
    orders_survive_a_kill,
    stops_and_comes_back,
    sorts_on_the_volume,
    heeds_an_early_stop,
)


def _placed(shop: ContainedShop, strategy: str) -> str:
    """The id of an order of the first listed product."""
    as_json = ("--strategy", strategy, "--json")
    listed = json.loads(shop.client(*as_json, "list", "--page-size=5"))
    order = json.loads(shop.client(*as_json, "order", listed["products"][0]["product_id"]))
    return str(order["order_id"])


def _same(before: set[str], after: set[str]) -> str:
    if before != after:
        raise CheckFailed(f"orders before: {before}; after: {after}")
    return f"{len(after)} orders are still there"


def results(engine: Engine, image: str) -> Iterator[str]:
    """Run all checks; one line for each.

    Raises:
        CheckFailed: the image does not do what it should.
        EngineFailed: the engine refused.
    """
    with ContainedShop(engine, image) as shop:
        for check in CHECKS:
            yield f"{check.__name__.replace('_', ' '):<24}{check(shop)}"


def main() -> int:
    """Check the image; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.image_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engine", default="podman", help="docker, podman, or a path")
    parser.add_argument("--image", default="waybill")
    options = parser.parse_args()
    try:
        for line in results(Engine(options.engine), options.image):
            print(line, flush=True)
    except (CheckFailed, EngineFailed) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
