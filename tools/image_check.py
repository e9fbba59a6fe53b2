"""`make image-check`: the image runs as docs/deployment.md says, and needs to do nothing else.

    python -m tools.image_check --engine podman --image waybill
    python -m tools.image_check --parts image,engines,pods --compose podman-compose

The first part starts containers one by one, as deploy/compose.yaml does: a root file system that
cannot be written, no capabilities, no new privileges, and one volume. The second brings both
compose files up, with PostgreSQL, Valkey and NATS. The third, for Podman only, plays the pods of
overlay `full`. Whatever is started is removed again.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tools.composed_shop import ComposedShop, stand_ins
from tools.contained_shop import ContainedShop
from tools.containers import Engine, EngineFailed
from tools.engines_check import CHECKS as ON_ENGINES
from tools.podded_shop import PoddedShop
from tools.running_shop import STOP_S, CheckFailed, ShopOnEngines, placed_under, same_orders

PARTS: Final = ("image", "engines", "pods")
"""The image by itself, compose.engines.yaml whole, and the pods of overlay `full`."""

STRATEGIES: Final = ("metadata-jwt", "message-field", "replica", "direct-call", "page-proof")
"""All that need no engine beside the services."""
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
    placed_under(shop, STRATEGIES)
    return ", ".join(STRATEGIES)


def orders_survive_a_kill(shop: ContainedShop) -> str:
    """What was acknowledged is there after SIGKILL."""
    before = shop.orders()
    shop.engine("kill", "--signal", "KILL", shop.named("orders"))
    shop.restart("orders")
    return same_orders(before, shop.orders())


def stops_and_comes_back(shop: ContainedShop) -> str:
    """Both drain within the grace period, orders with products gone; the volumes keep the data."""
    before = shop.orders()
    for part in ("products", "orders"):
        shop.ends_well(part)
    shop.restart("products", "orders")
    return same_orders(before, shop.orders())


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


def results(part: str, engine: Engine, image: str, compose: str) -> Iterator[str]:
    """Run all checks of a part; one line for each.

    Raises:
        CheckFailed: the image does not do what it should.
        EngineFailed: the engine refused.
    """
    if part == "image":
        with ContainedShop(engine, image) as contained:
            yield from (_line(check, check(contained)) for check in CHECKS)
    else:
        yield from map(": ".join, stand_ins(engine).items())
        with _on_engines(part, engine, image, compose) as shop:
            yield from (_line(check, check(shop)) for check in ON_ENGINES)


def _on_engines(part: str, engine: Engine, image: str, compose: str) -> ShopOnEngines:
    if part == "pods":
        return PoddedShop(engine, image)
    return ComposedShop(engine, compose.split())


def _line(check: Callable[..., str], found: str) -> str:
    return f"{check.__name__.replace('_', ' '):<28}{found}"


def main() -> int:
    """Check the image; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.image_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engine", default="podman", help="docker, podman, or a path")
    parser.add_argument("--image", default="waybill")
    parser.add_argument("--compose", default="docker compose", help="or podman-compose")
    parser.add_argument("--parts", default="image", help=f"of {', '.join(PARTS)}; with commas")
    options = parser.parse_args()
    parts = options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    engine = Engine(options.engine)
    try:
        for part in parts:
            print(f"-- {part}")
            for line in results(part, engine, options.image, options.compose):
                print(line, flush=True)
    except (CheckFailed, EngineFailed) as problem:
        print(problem, file=sys.stderr)
        return 1
    if left := [part for part in PARTS if part not in parts]:
        print(f"not run: {', '.join(left)} (--parts)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
