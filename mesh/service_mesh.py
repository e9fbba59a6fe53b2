"""The service mesh on one machine: an Envoy beside each service, and one at the edge.

Every call between proxies is mutual TLS between workload identities. The services themselves listen
on loopback and know nothing of it: what a caller may do is for its identity and path to say, and
then, once more, for the service.
"""

import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mesh.hop import CONFIGURATIONS, Address
from mesh.hops.envoy import Envoy
from mesh.identities import Authority, WorkloadFiles, spiffe_id
from mesh.launcher import LOOPBACK, Process, free_port, program_path, started, wait_until_listening
from mesh.split import PREFIX, shift

TEMPLATES = CONFIGURATIONS / "service"
DEFAULT_RATE_PER_S = 10_000
"""Calls that the edge lets through in a second, of all users together."""


@dataclass(frozen=True, slots=True)
class UserTokens:
    """What the edge expects of users' JWTs, and the HTTP server (loopback) that has their JWKS."""

    keys: Address
    keys_path: str
    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class ProductsBehind:
    """Where products listens, on loopback: its gRPC port and its HTTP port."""

    port: int
    http_port: int


@dataclass(frozen=True, slots=True)
class OrdersBehind:
    """One version of the orders service, and its share of users' calls."""

    port: int
    weight: int = 1
    name: str = "orders"


@dataclass(frozen=True, slots=True)
class Proxy:
    """One Envoy: its workload's name, its ports, and where its files are."""

    name: str
    workload: str
    port: int
    admin_port: int
    identity: WorkloadFiles
    home: Path
    outbound_port: int = 0
    """Where the service beside it finds the others; 0 for one whose service calls nobody."""

    @property
    def address(self) -> Address:
        """Where it takes calls."""
        return Address(LOOPBACK, self.port)

    @property
    def admin(self) -> Address:
        """Where it tells of itself, and the edge takes weights."""
        return Address(LOOPBACK, self.admin_port)

    @property
    def spiffe_id(self) -> str:
        """Whom its certificate names."""
        return spiffe_id(self.workload)

    @property
    def configuration(self) -> Path:
        """Its configuration as rendered."""
        return self.home / "envoy.yaml"

    @property
    def access_log(self) -> Path:
        """One line of JSON for each call."""
        return self.home / "access.log"

    @property
    def log(self) -> Path:
        """What Envoy itself says."""
        return self.home / "envoy.log"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which proxies there are, before anything runs: ports are taken, identities issued."""

    authority: Authority
    edge: Proxy
    products: Proxy
    orders: tuple[Proxy, ...]

    @property
    def proxies(self) -> tuple[Proxy, ...]:
        """All of them."""
        return (self.products, *self.orders, self.edge)

    def rotate(self) -> None:
        """Give every workload a new certificate, under whatever load there is."""
        for workload in sorted({proxy.workload for proxy in self.proxies}):
            self.authority.issue(workload)


@dataclass(frozen=True, slots=True)
class RunningMesh:
    """Proxies that listen, with their process ids by name."""

    layout: Layout
    pids: dict[str, int]
    split: tuple[str, ...]
    """The orders services among which users' orders are split."""

    @property
    def edge(self) -> Address:
        """Where users call."""
        return self.layout.edge.address

    def shift(self, weights: Mapping[str, int]) -> None:
        """Send users' orders to the orders services by other weights, from now on.

        Args:
            weights: of all orders services, by their names in `split`.

        Raises:
            ValueError: they are of others, one is negative, or all are 0.
            HopFailed: the edge did not take them.
        """
        if weights.keys() != set(self.split):
            raise ValueError(f"weights are of {', '.join(self.split)}, not of {list(weights)}")
        shift(self.layout.edge.admin, weights)


def plan(authority: Authority, folder: Path, orders: Sequence[str] = ("orders",)) -> Layout:
    """Choose ports, issue identities and make folders; `orders` names the orders services.

    Raises:
        OSError: a file cannot be written.
    """
    identities = {name: authority.issue(name) for name in ("edge", "products", "orders")}

    def proxy(name: str, workload: str, *, calls: bool = False) -> Proxy:
        home = folder / name
        home.mkdir(parents=True)
        outbound_port = free_port() if calls else 0
        return Proxy(
            name, workload, free_port(), free_port(), identities[workload], home, outbound_port
        )

    return Layout(
        authority,
        proxy("edge", "edge"),
        proxy("products-sidecar", "products"),
        tuple(proxy(f"{name}-sidecar", "orders", calls=True) for name in orders),
    )


@contextmanager
def launch_mesh(
    layout: Layout,
    users: UserTokens,
    products: ProductsBehind,
    orders: Sequence[OrdersBehind],
    *,
    rate_per_s: int = DEFAULT_RATE_PER_S,
    otlp: Address | None = None,
) -> Iterator[RunningMesh]:
    """Run all proxies of `layout` until the context ends. The services may start later.

    Args:
        layout: from `plan`, with as many orders services as `orders` has.
        users: whom the edge believes.
        products: the products service.
        orders: the orders services, with the weights of the traffic split.
        rate_per_s: calls that the edge lets through in a second.
        otlp: where traces go, an OTLP receiver over gRPC; None for no tracing.

    Raises:
        HopMissing: Envoy is not on this machine.
        HopFailed: a proxy ended or did not listen.
    """
    shared = {"otlp": otlp, "edge_id": layout.edge.spiffe_id, "products": layout.products}
    values = {
        layout.edge.name: _edge_values(layout, users, orders, rate_per_s),
        layout.products.name: {"service": products, "orders_id": spiffe_id("orders")},
    }
    for proxy, service in zip(layout.orders, orders, strict=True):
        values[proxy.name] = {"service": service, "outbound_port": proxy.outbound_port}
    with ExitStack() as stack:
        processes = {
            proxy.name: stack.enter_context(_started(proxy, shared | values[proxy.name]))
            for proxy in layout.proxies
        }
        for proxy in layout.proxies:
            wait_until_listening(processes[proxy.name], proxy.address, proxy.name, proxy.log)
        pids = {name: process.pid for name, process in processes.items()}
        yield RunningMesh(layout, pids, tuple(service.name for service in orders))


def _edge_values(
    layout: Layout, users: UserTokens, orders: Sequence[OrdersBehind], rate_per_s: int
) -> dict[str, object]:
    sidecars = [
        {
            "name": service.name,
            "weight": service.weight,
            "port": proxy.port,
            "spiffe_id": proxy.spiffe_id,
        }
        for proxy, service in zip(layout.orders, orders, strict=True)
    ]
    return {
        "users": users,
        "rate_per_s": rate_per_s,
        "orders_sidecars": sidecars,
        "split_prefix": PREFIX,
    }


@contextmanager
def _started(proxy: Proxy, values: dict[str, object]) -> Iterator[Process]:
    _write_secrets(proxy)
    template = _environment().get_template(f"{proxy.workload}.yaml.j2")
    proxy.configuration.write_text(template.render(me=proxy, **values))
    envoy = Envoy()
    arguments = envoy.arguments(proxy.configuration, proxy.home)
    with started(program_path(envoy), arguments, proxy.home, proxy.log) as process:
        yield process


def _write_secrets(proxy: Proxy) -> None:
    """Say in the proxy's folder where its identity is."""
    files = proxy.identity
    for name in ("certificate.yaml", "trusted.yaml"):
        text = string.Template((TEMPLATES / name).read_text()).substitute(
            folder=files.folder, chain=files.chain, key=files.key, trusted=files.trusted
        )
        (proxy.home / name).write_text(text)


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 -- this is YAML, and all values are ours
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
