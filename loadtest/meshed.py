"""The shop behind a service mesh: each service with its Envoy, users at the edge.

with MeshedShop(folder) as meshed:
channel = grpc.insecure_channel(meshed.target)  # products and orders alike
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from client.dev_issuer import AUDIENCE, ISSUER, DevIssuer
from loadtest.key_server import JWKS_PATH, served_keys
from loadtest.opened import Opened
from loadtest.processes import Service
from loadtest.shop import Shop, wait_until_serving
from loadtest.stock import Stock
from mesh.hop import Address
from mesh.identities import Authority
from mesh.launcher import LOOPBACK, free_port
from mesh.service_mesh import (
    DEFAULT_RATE_PER_S,
    Layout,
    OrdersBehind,
    ProductsBehind,
    RunningMesh,
    UserTokens,
    launch_mesh,
    plan,
)

FIRST, SECOND = "orders", "orders-v2"
PERCENT = 100


@dataclass(frozen=True, slots=True)
class MeshOptions:
    """What of a mesh is not the default."""

    second_env: Mapping[str, str] | None = None
    """Settings of a second orders service, and so the traffic split; None for one service."""
    second_percent: int = 0
    """Which part of users' orders the second one gets."""
    rate_per_s: int = DEFAULT_RATE_PER_S
    """Calls that the edge lets through."""
    otlp: Address | None = None
    """Where the proxies send their traces, by OTLP over gRPC."""


class MeshedShop(Opened):
    """A shop whose calls all pass proxies. A context manager.

    Args:
        folder: where everything is written; must exist.
        products_env: settings of products.
        orders_env: settings of orders.
        stock: what is sold, and to whom.
        certificates: the development authority's folder; None for one within `folder`.
        options: of the mesh.
    """

    def __init__(
        self,
        folder: Path,
        *,
        products_env: Mapping[str, str] | None = None,
        orders_env: Mapping[str, str] | None = None,
        stock: Stock | None = None,
        certificates: Path | None = None,
        options: MeshOptions | None = None,
    ) -> None:
        self._options = options or MeshOptions()
        split = self._options.second_env is not None
        names = (FIRST, SECOND) if split else (FIRST,)
        authority = Authority(certificates or folder / "certificates")
        self.layout: Layout = plan(authority, folder / "mesh", names)
        self._products = ProductsBehind(free_port(), free_port())
        shares = weights(self._options.second_percent)
        self._orders = [OrdersBehind(free_port(), shares[name], name) for name in names]
        self.shop = Shop(
            folder,
            products_env={
                "PRODUCTS_PORT": str(self._products.port),
                "PRODUCTS_HTTP_PORT": str(self._products.http_port),
                **(products_env or {}),
            },
            orders_env={**self._orders_settings(0), **(orders_env or {})},
            stock=stock,
        )
        self._running: RunningMesh | None = None
        self._second: Service | None = None

    def _orders_settings(self, number: int) -> dict[str, str]:
        """Of one orders service: it finds products through the proxy beside it."""
        outbound = f"{LOOPBACK}:{self.layout.orders[number].outbound_port}"
        return {
            "ORDERS_PORT": str(self._orders[number].port),
            "ORDERS_PRODUCTS_TARGET": outbound,
            "ORDERS_STATE_KEYS": f"http://{outbound}{JWKS_PATH}",
        }

    def _open(self, parts: ExitStack) -> None:
        issuer = DevIssuer(self.shop.home)
        issuer.ready()
        keys = parts.enter_context(served_keys(issuer.public_keys))
        users = UserTokens(Address(LOOPBACK, keys), JWKS_PATH, ISSUER, AUDIENCE)
        # First, since orders reads keys and feed through its proxy as it starts.
        self._running = parts.enter_context(
            launch_mesh(
                self.layout,
                users,
                self._products,
                self._orders,
                rate_per_s=self._options.rate_per_s,
                otlp=self._options.otlp,
            )
        )
        parts.enter_context(self.shop)
        if self._options.second_env is not None:
            env = {**self._orders_settings(1), **self._options.second_env}
            self._second = parts.enter_context(self.shop.orders_beside(SECOND, env))
            wait_until_serving(self._second)

    def shift(self, second_percent: int) -> None:
        """Send this part of users' orders to the second orders service, from now on.

        Raises:
            ValueError: there is no second one, or it is no percentage.
            HopFailed: the edge did not take it.
        """
        self.running.shift(weights(second_percent))

    @property
    def second(self) -> Service:
        """The second orders service's process."""
        assert self._second is not None, "not wanted, or not started"
        return self._second

    @property
    def running(self) -> RunningMesh:
        """The proxies."""
        assert self._running is not None, "not started"
        return self._running

    @property
    def target(self) -> str:
        """Where users call both services, `host:port`."""
        return str(self.running.edge)


def weights(second_percent: int) -> dict[str, int]:
    """Of both orders services, so that the second gets this part of users' orders.

    Raises:
        ValueError: it is no percentage.
    """
    if not 0 <= second_percent <= PERCENT:
        raise ValueError(f"{second_percent} is not from 0 to {PERCENT}")
    return {FIRST: PERCENT - second_percent, SECOND: second_percent}
