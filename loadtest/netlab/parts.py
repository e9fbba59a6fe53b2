"""The shop's parts, each on its own machine of a `Network`.

Orders runs twice, and both share Valkey as the store of references. What is asynchronous takes both
ways: `orders-1` follows products over NATS, and keeps its replica in files; `orders-2` follows
products' own stream, and keeps its replica in Valkey.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc

from client.channels import NO_PROXY
from client.dev_issuer import DevIssuer
from loadtest.nats import binary, configured
from loadtest.netlab.network import Network
from loadtest.opened import Opened
from loadtest.processes import Command, StartFailed, run
from loadtest.shop import ROOT, SERVICE_ROLE, SERVICE_SUBJECT, inherited_environ, is_serving
from loadtest.stock import Stock
from loadtest.valkey import MEMORY_BYTES, arguments
from mesh.launcher import stop
from waybill.serving.paths import state_home

PRODUCTS, VALKEY, NATS = "products", "valkey", "nats"
ORDERS = ("orders-1", "orders-2")
OVER_NATS, OVER_GRPC = ORDERS
MACHINES = (PRODUCTS, *ORDERS, VALKEY, NATS, "locust", "worker-1", "worker-2")
PRODUCTS_PORT, ORDERS_PORT, HTTP_PORT, VALKEY_PORT, NATS_PORT = 50051, 50052, 9464, 6379, 4222
START_S = 60.0
STOP_S = 15.0
POLL_S = 0.05
TOKEN_TTL_S = 24 * 3600

LAG_BOUND_S = 1.0
CACHE_TTL_S = 0.5
SETTINGS_OF_ORDERS = {
    "ORDERS_STATE_REVOCATION": "watermarks",
    "ORDERS_STATE_REVOCATION_LAG_BOUND_S": str(LAG_BOUND_S),
    "ORDERS_REPLICA_LAG_BOUND_S": str(LAG_BOUND_S),
    "ORDERS_CACHE_TTL_S": str(CACHE_TTL_S),
    "ORDERS_CACHE_NEGATIVE_TTL_S": "0.2",
    "ORDERS_REFERENCE_CACHE_TTL_S": str(CACHE_TTL_S),
    "ORDERS_LOG_LEVEL": "warning",
}
"""Short bounds, so that a cut of seconds is longer than each of them."""


class Parts(Opened):
    """All parts, running. A context manager.

    Args:
        network: with the machines `MACHINES`.
        folder: where everything is written; must exist.
        stock: what is sold, and to whom.
    """

    def __init__(self, network: Network, folder: Path, stock: Stock) -> None:
        self.network = network
        self.stock = stock
        self._folder = folder
        self._environ = inherited_environ(os.environ) | {"XDG_STATE_HOME": str(folder)}
        self._home = state_home(self._environ)

    def _open(self, parts: ExitStack) -> None:
        self._prepare()
        for machine, command, port in (
            (VALKEY, self._valkey(), VALKEY_PORT),
            (NATS, self._nats(), NATS_PORT),
        ):
            parts.enter_context(self._running(machine, command))
            _wait_until_open(self.network.address(machine), port)
        parts.enter_context(self._running(PRODUCTS, self._products()))
        for machine in ORDERS:
            parts.enter_context(self._running(machine, self._orders(machine)))
        for target in (self.products_target, *map(self.orders_target, ORDERS)):
            _wait_until_serving(target)

    @property
    def products_target(self) -> str:
        """Where products is."""
        return f"{self.network.address(PRODUCTS)}:{PRODUCTS_PORT}"

    def orders_target(self, machine: str) -> str:
        """Where one orders service is."""
        return f"{self.network.address(machine)}:{ORDERS_PORT}"

    def token(self, subject: str, *roles: str) -> str:
        """A user token that the services believe."""
        return DevIssuer(self._home).token(subject, roles, TOKEN_TTL_S)

    def _prepare(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = self._home / "orders-service-token"
        token.touch(mode=0o600)
        token.write_text(self.token(SERVICE_SUBJECT, SERVICE_ROLE), encoding="ascii")
        products, grants = self.stock.write(self._folder)
        files = ("--products", str(products), "--grants", str(grants))
        argv = (sys.executable, "-m", "products_svc", "import", *files)
        run(Command("import", argv, self._environ, ROOT, self._folder))

    def _valkey(self) -> Command:
        folder = self._folder / VALKEY
        folder.mkdir()
        # Later options win: it listens on its machine's address, which only the lab's switch has.
        argv = [
            *arguments(VALKEY_PORT, folder, MEMORY_BYTES),
            *("--bind", self.network.address(VALKEY), "--protected-mode", "no"),
        ]
        return Command(VALKEY, argv, self._environ, folder, self._folder)

    def _nats(self) -> Command:
        folder = self._folder / NATS
        folder.mkdir()
        configuration = folder / "nats.conf"
        text = configured(self.network.address(NATS), NATS_PORT, folder / "streams")
        configuration.write_text(text, "ascii")
        argv = [str(binary()), "--config", str(configuration)]
        return Command(NATS, argv, self._environ, folder, self._folder)

    def _products(self) -> Command:
        address = self.network.address(PRODUCTS)
        settings = {
            "PRODUCTS_HOST": address,
            "PRODUCTS_PORT": str(PRODUCTS_PORT),
            "PRODUCTS_HTTP_HOST": address,
            "PRODUCTS_HTTP_PORT": str(HTTP_PORT),
            "PRODUCTS_REFERENCE_URL": self._valkey_url(0),
            "PRODUCTS_FEED_URL": self._nats_url,
            "PRODUCTS_LOG_LEVEL": "warning",
        }
        return self._service(PRODUCTS, "products_svc", settings)

    def _orders(self, machine: str) -> Command:
        folder = self._folder / machine
        folder.mkdir()
        products = self.network.address(PRODUCTS)
        settings = SETTINGS_OF_ORDERS | {
            "ORDERS_HOST": self.network.address(machine),
            "ORDERS_PORT": str(ORDERS_PORT),
            "ORDERS_PRODUCTS_TARGET": self.products_target,
            "ORDERS_STATE_KEYS": f"http://{products}:{HTTP_PORT}/.well-known/jwks.json",
            "ORDERS_REFERENCE_URL": self._valkey_url(0),
            "ORDERS_DATABASE_URL": f"sqlite:///{folder / 'orders.db'}",
            "ORDERS_REPLICA_PATH": str(folder / "replica"),
            **self._follows(machine),
        }
        return self._service(machine, "orders_svc", settings)

    def _follows(self, machine: str) -> dict[str, str]:
        """Where this orders service learns of changes, or keeps them, if not as the other does."""
        if machine == OVER_NATS:
            return {"ORDERS_FEED_URL": self._nats_url}
        return {"ORDERS_REPLICA_URL": self._valkey_url(1)}

    def _valkey_url(self, database: int) -> str:
        return f"valkey://{self.network.address(VALKEY)}:{VALKEY_PORT}/{database}"

    @property
    def _nats_url(self) -> str:
        return f"nats://{self.network.address(NATS)}:{NATS_PORT}"

    def _service(self, name: str, module: str, settings: dict[str, str]) -> Command:
        argv = (sys.executable, "-m", module, "serve")
        return Command(name, argv, self._environ | settings, ROOT, self._folder)

    @contextmanager
    def _running(self, machine: str, command: Command) -> Iterator[None]:
        with command.out.open("wb") as out, command.log.open("wb") as log:
            process = subprocess.Popen(
                self.network.command(machine, command.argv),
                env=command.environ,
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield
        finally:
            stop(process, STOP_S)


def _wait_until_open(address: str, port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        time.sleep(POLL_S)
    raise StartFailed(f"nothing listens on {address}:{port}")


def _wait_until_serving(target: str) -> None:
    deadline = time.monotonic() + START_S
    with grpc.insecure_channel(target, options=(NO_PROXY,)) as channel:
        while not is_serving(channel):
            if time.monotonic() > deadline:
                raise StartFailed(f"{target} was not healthy within {START_S:g} s")
            time.sleep(POLL_S)
