"""Both services as processes of their own, on free ports, with data; for the lab, demos and tests.

A Valkey server runs beside them, as the store of references.

with Shop(folder) as shop:
channel = grpc.insecure_channel(shop.orders_target)
token = shop.token("alice")
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from client.channels import NO_PROXY
from client.dev_issuer import DevIssuer
from loadtest.opened import Opened
from loadtest.processes import Command, Service, StartFailed, run
from loadtest.stock import Stock
from loadtest.valkey import ValkeyServer
from waybill.serving.paths import state_home
from waybill.serving.strategy_health import EVERY_STRATEGY

ROOT = Path(__file__).resolve().parent.parent
SERVICE_PREFIXES = ("PRODUCTS_", "ORDERS_")
SERVICE_SUBJECT = "orders"
SERVICE_ROLE = "service"
ADMIN_SUBJECT = "admin"
ADMIN_ROLE = "admin"
TOKEN_TTL_S = 24 * 3600
"""Longer than any run."""
HEALTHY_TIMEOUT_S = 120.0
"""Enough to copy a million grants into the replica."""
IMPORT_TIMEOUT_S = 600.0
"""Enough for a million products and grants."""
_POLL_S = 0.05
_HEALTH_OF = HealthCheckRequest(service=EVERY_STRATEGY)


class Shop(Opened):
    """Both services with keys, a catalogue and a service token. A context manager.

    Everything it writes is under `folder`, which must exist. The caller's own `PRODUCTS_*` and
    `ORDERS_*` variables are not passed on, so that a run is what its code says.
    """

    def __init__(
        self,
        folder: Path,
        *,
        products_env: Mapping[str, str] | None = None,
        orders_env: Mapping[str, str] | None = None,
        orders_workers: int = 1,
        stock: Stock | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._environ = inherited_environ(os.environ) | {"XDG_STATE_HOME": str(self._folder)}
        self.home = state_home(self._environ)
        """Where the services keep their files."""
        self._products_env = {"PRODUCTS_PORT": "0"} | dict(products_env or {})
        self._orders_env = {"ORDERS_PORT": "0", "ORDERS_WORKERS": str(orders_workers)}
        self._orders_env |= orders_env or {}
        self.stock = stock or Stock()
        """What it sells, and to whom."""
        self._products: Service | None = None
        self._orders: Service | None = None
        self._store: ValkeyServer | None = None

    def _open(self, parts: ExitStack) -> None:
        self._prepare()
        self._store = parts.enter_context(ValkeyServer(self._folder))
        products_env = {"PRODUCTS_REFERENCE_URL": self.store.url} | self._products_env
        self._products = parts.enter_context(self._service("products", products_env))
        self._orders_env = self._orders_needs() | self._orders_env
        self._orders = parts.enter_context(self._service("orders", self._orders_env))
        for service in (self._products, self._orders):
            wait_until_serving(service)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which commands such as `python -m client` find this shop's files."""
        return dict(self._environ)

    @property
    def products(self) -> Service:
        """The products service's process."""
        assert self._products is not None, "not started"
        return self._products

    @property
    def orders(self) -> Service:
        """The orders service's process."""
        assert self._orders is not None, "not started"
        return self._orders

    @property
    def store(self) -> ValkeyServer:
        """The store of references."""
        assert self._store is not None, "not started"
        return self._store

    @property
    def products_target(self) -> str:
        """Where the products service is, `host:port`."""
        return self.products.target

    @property
    def orders_target(self) -> str:
        """Where the orders service is, `host:port`."""
        return self.orders.target

    @property
    def products_pid(self) -> int:
        """The products service's process id."""
        return self.products.pid

    @property
    def orders_pids(self) -> tuple[int, ...]:
        """The orders service's process ids: the parent first, then workers and follower."""
        return self.orders.pids

    @property
    def pids(self) -> dict[str, tuple[int, ...]]:
        """The process ids of everything that runs, by service: "orders", "products", "store"."""
        store = (self.store.pid,)
        return {"orders": self.orders_pids, "products": self.products.pids, "store": store}

    def token(self, subject: str, roles: Sequence[str] = ()) -> str:
        """A user token that the services believe."""
        return DevIssuer(self.home).token(subject, roles, TOKEN_TTL_S)

    def orders_beside(self, name: str, env: Mapping[str, str] | None = None) -> Service:
        """Another orders service on the same database and replica, not started yet.

        It follows nothing itself: the first one keeps the replica.

        Args:
            name: what it is called.
            env: its settings, where they are not those of the first.
        """
        own = {**self._orders_env, "ORDERS_FOLLOWER": "none", **(env or {})}
        return Service(self._command(name, "orders_svc", ("serve",), own))

    def _orders_needs(self) -> dict[str, str]:
        return {
            "ORDERS_PRODUCTS_TARGET": self.products_target,
            "ORDERS_REFERENCE_URL": self.store.url,
        }

    def _prepare(self) -> None:
        """Everything that must be there before the services start."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        token_file = self.home / "orders-service-token"
        token_file.touch(mode=0o600)
        token_file.write_text(self.token(SERVICE_SUBJECT, [SERVICE_ROLE]), encoding="ascii")
        products, grants = self.stock.write(self._folder)
        arguments = ("import", "--products", str(products), "--grants", str(grants))
        run(
            self._command("import", "products_svc", arguments, self._products_env),
            timeout_s=IMPORT_TIMEOUT_S,
        )

    def _service(self, name: str, env: Mapping[str, str]) -> Service:
        workers = int(env.get(f"{name.upper()}_WORKERS", "1"))
        return Service(self._command(name, f"{name}_svc", ("serve",), env), ready_lines=workers)

    def _command(
        self, name: str, module: str, arguments: Sequence[str], env: Mapping[str, str]
    ) -> Command:
        return Command(
            name=name,
            argv=(sys.executable, "-m", module, *arguments),
            environ={**self._environ, **env},
            cwd=ROOT,
            folder=self._folder,
        )


def inherited_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What a service gets of `environ`: all but settings of services."""
    return {key: text for key, text in environ.items() if not key.startswith(SERVICE_PREFIXES)}


def wait_until_serving(service: Service, timeout_s: float = HEALTHY_TIMEOUT_S) -> None:
    """Wait until the service's own health check says that it can do its work.

    Raises:
        StartFailed: it still says otherwise after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    with grpc.insecure_channel(service.target, options=(NO_PROXY,)) as channel:
        while not is_serving(channel):
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{service.name} was not healthy within {timeout_s:g} s:\n{service.tail()}"
                )
            time.sleep(_POLL_S)


def is_serving(channel: grpc.Channel) -> bool:
    """Whether the server is healthy now, for all of its strategies."""
    try:
        answer = HealthStub(channel).Check(_HEALTH_OF, timeout=2.0)
    except grpc.RpcError:
        return False
    return bool(answer.status == HealthCheckResponse.SERVING)
