"""Both services in containers, however they were started, and what is asked of them."""

import json
import subprocess
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Self

from tools.containers import Engine, EngineFailed
from waybill.serving.strategy_health import EVERY_STRATEGY

STOP_S: Final = 30
"""The grace period of compose file and manifests; who needs longer is killed."""
SERVING_S: Final = 60.0
LOOK_S: Final = 0.2
ENGINES: Final = ("postgresql", "valkey", "nats")
PORTS: Final = {"products": 50051, "orders": 50052}
CUSTOMER: Final = "user-000001"
GRPCURL: Final = Path(sys.executable).parent / "grpcurl"


class CheckFailed(RuntimeError):
    """The image does not do what it should; the text says what."""


class Shop(AbstractContextManager["Shop"]):
    """Both services in containers. A context manager, which removes what it started."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def named(self, part: str) -> str:
        """The container of one part."""

    @abstractmethod
    def client(self, *words: str) -> str:
        """What the shop's client prints."""

    @abstractmethod
    def generated(self, **sizes: int) -> str:
        """Fill the products service's database, beside the service; what that says."""

    def placed(self, strategy: str) -> str:
        """The id of an order of the first listed product."""
        as_json = ("--strategy", strategy, "--json")
        order = json.loads(self.client(*as_json, "order", self.listed("--strategy", strategy)))
        return str(order["order_id"])

    def listed(self, *words: str) -> str:
        """The id of the first listed product."""
        listed = json.loads(self.client(*words, "--json", "list", "--page-size=5"))
        return str(listed["products"][0]["product_id"])

    def is_taken(self, *words: str) -> bool:
        """Whether the client ends with 0."""
        try:
            self.client(*words)
        except EngineFailed:
            return False
        return True

    def orders(self) -> set[str]:
        """The ids of the customer's orders."""
        return {
            order["order_id"] for order in json.loads(self.client("orders", "--json"))["orders"]
        }

    def wait(self, part: str, *, serving: bool = True) -> None:
        """Return once the part's health under every strategy is, or is not, SERVING."""
        state = "serves" if serving else "no longer serves"
        self.until(f"{part} {state}", lambda: self._serves(part) == serving)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Return once `what`, which begins with a part, holds."""
        end = time.monotonic() + SERVING_S
        while not holds():
            if time.monotonic() > end:
                said = self._logs(what.partition(" ")[0])
                raise CheckFailed(f"not within {SERVING_S:g} s: {what}\n{said}")
            time.sleep(LOOK_S)

    def _logs(self, part: str) -> str:
        """The last that a part said."""
        try:
            return self.engine.said(self.named(part))
        except EngineFailed as failed:
            return str(failed)

    def ends_well(self, part: str) -> None:
        """Stop a service, which must end by itself within the grace period."""
        self.engine("stop", "-t", str(STOP_S), self.named(part))
        code = self.engine.exit_code(self.named(part))
        if code:
            raise CheckFailed(f"{part} ended with {code} when it was stopped")

    def restart(self, *parts: str) -> None:
        """Start stopped services again and wait until they serve."""
        for part in parts:
            self.engine("start", self.named(part))
        for part in parts:
            self.wait(part)

    def _serves(self, part: str) -> bool:
        try:
            target = self.engine.published(self.named(part), PORTS[part])
        except EngineFailed:  # it may be about to be started again
            return False
        asked = ["-d", f'{{"service": "{EVERY_STRATEGY}"}}']
        words = [str(GRPCURL), "-plaintext", *asked, target, "grpc.health.v1.Health/Check"]
        answer = subprocess.run(words, check=False, capture_output=True, text=True)
        return '"SERVING"' in answer.stdout


class ShopOnEngines(Shop):
    """Both services, and containers of PostgreSQL, Valkey and NATS beside them."""

    @abstractmethod
    def up(self) -> None:
        """Start all and wait until both services serve."""

    def wait_for_both(self) -> None:
        """Return once both services serve under every strategy."""
        for part in PORTS:
            self.wait(part)

    def generated(self, **sizes: int) -> str:
        """Fill the products service's database, beside the service; what that says."""
        words = ("python", "-m", "products_svc", "generate", *flags(sizes))
        return self.engine("exec", self.named("products"), *words).splitlines()[-1]

    def stored_orders(self) -> set[str]:
        """The ids of all orders that are in PostgreSQL."""
        asked = ("psql", "-U", "waybill", "-d", "orders", "-tAc", "SELECT order_id FROM orders")
        return set(self.engine("exec", self.named("postgresql"), *asked).split())

    def lose(self, part: str) -> None:
        """Kill an engine, and wait until orders has noticed."""
        self.engine("kill", "--signal", "KILL", self.named(part))
        self.wait("orders", serving=False)

    def regain(self, part: str) -> None:
        """Start an engine again, and wait until both services serve."""
        self.engine("start", self.named(part))
        self.wait_for_both()


def placed_under(shop: Shop, strategies: Iterable[str]) -> set[str]:
    """The ids of one order under each strategy, from a new catalogue; they are the customer's.

    Raises:
        CheckFailed: the customer has others.
    """
    shop.generated(subjects=2, grants_per_subject=20, products=40)
    shop.client("login", CUSTOMER)
    placed = {shop.placed(strategy) for strategy in strategies}
    same_orders(placed, shop.orders())
    return placed


def same_orders(before: set[str], after: set[str]) -> str:
    """Compare the orders' ids.

    Raises:
        CheckFailed: they differ.
    """
    if before != after:
        raise CheckFailed(f"orders before: {before}; after: {after}")
    return f"{len(after)} orders are still there"


def flags(sizes: dict[str, int]) -> list[str]:
    """The flags of `generate`."""
    return [f"--{name.replace('_', '-')}={size}" for name, size in sizes.items()]
