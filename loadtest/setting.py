"""The shops as the comparison needs them: customers, and the settings that are not the default."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from loadtest.affinity import Placement, available
from loadtest.meshed import MeshedShop
from loadtest.plan import ShopKind, Turn
from loadtest.postgres import PostgresServer, new_databases
from loadtest.processes import family
from loadtest.profile import MESH
from loadtest.results import DIRECT, FLOOR, Cell
from loadtest.shop import Shop
from loadtest.stock import Stock
from loadtest.world import World, holding
from mesh.hop import TUNED, Address
from mesh.launcher import launch_path
from mesh.table import parse_path
from products_svc.catalogue.ids import IdKind

LAB_PRODUCTS_ENV = {
    # The issuer's own budget is off, so that the transport's limit is what is seen.
    "PRODUCTS_STATE_BUDGET_BYTES": "0",
    # State is listed once and used for the whole run.
    "PRODUCTS_STATE_TTL_S": "3600",
    "PRODUCTS_LOG_LEVEL": "warning",
}
LAB_ORDERS_ENV = {
    # One line for each placed order would be a cost that the floor does not have.
    "ORDERS_LOG_LEVEL": "warning",
}
DATABASE = "database"
"""What the CPU time of a database server is told as."""
PATH = "path"
"""What the CPU time of all proxies in between is told as."""
MOST_ROWS = 200_000
"""Grants of all customers of one holding, above which fewer customers share their lists."""


@dataclass(frozen=True, slots=True)
class Site:
    """Running services, and the environment for processes that work with them."""

    world: World
    environ: Mapping[str, str]
    placement: Placement | None = None
    """Where its services are kept; None where they go wherever the system puts them."""


Sites: TypeAlias = Mapping[str, Site]
"""By what stands in between; hops stand in front of the same services as are called directly."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What each of some customers may order. `name` is that of `world.holding`."""

    name: str
    grants: int
    id_kind: IdKind
    customers: int

    @classmethod
    def of(cls, cell: Cell, customers: int) -> "Holding":
        """What the customers of `cell` hold."""
        return cls(holding(cell), cell.grants or cell.ids, IdKind(cell.id_kind), customers)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The customers."""
        return tuple(f"load-{self.name}-{number}" for number in range(self.customers))


def holdings(turns: Iterable[Turn]) -> list[Holding]:
    """The customers whom `turns` need."""
    found: dict[str, Holding] = {}
    for turn in turns:
        if turn.cell.row != FLOOR:
            wanted = _holding(turn.cell, max(load.users for load in turn.loads))
            found[wanted.name] = max(
                (wanted, found.get(wanted.name, wanted)), key=lambda each: each.customers
            )
    return list(found.values())


def _holding(cell: Cell, users: int) -> Holding:
    grants = cell.grants or cell.ids
    customers = users if cell.fresh else max(1, min(users, MOST_ROWS // grants))
    return Holding.of(cell, customers)


def lab_stock(wanted: Iterable[Holding], seed: int) -> Stock:
    """What the customers of `wanted` may order."""
    wanted = list(wanted)
    return Stock(
        grants={subject: each.grants for each in wanted for subject in each.subjects},
        id_kinds={subject: each.id_kind for each in wanted for subject in each.subjects},
        products=1,
        seed=seed,
    )


def lab_shop(
    folder: Path,
    wanted: Iterable[Holding],
    seed: int,
    kind: ShopKind | None = None,
    databases: Mapping[str, str] | None = None,
) -> Shop:
    """A shop, not started yet, with the customers of `wanted`.

    `databases` are the settings of where its data is, if that is not in files of its own.
    """
    kind = kind or ShopKind()
    elsewhere = dict(databases or {})
    return Shop(
        folder,
        products_env=_products_env(kind) | elsewhere,
        orders_env=LAB_ORDERS_ENV | elsewhere,
        orders_workers=kind.workers,
        stock=lab_stock(wanted, seed),
    )


def _products_env(kind: ShopKind) -> dict[str, str]:
    return LAB_PRODUCTS_ENV | {"PRODUCTS_SIGNING_ALGORITHM": kind.algorithm}


def world_of(shop: Shop, run_id: str, wanted: Iterable[Holding]) -> World:
    """What a load generator must know of a running lab shop."""
    return World(
        run_id=run_id,
        orders_target=shop.orders_target,
        products_target=shop.products_target,
        pids=shop.pids,
        customers={each.name: tuple(map(shop.token, each.subjects)) for each in wanted},
    )


@contextmanager
def lab_sites(
    seed: int,
    run_id: str,
    postgres: bool,
    kind: ShopKind,
    turns: Iterable[Turn],
    folder: Path,
) -> Iterator[Sites]:
    """Running services of the lab for `turns`, which need such of `kind`; files go into `folder`.

    With `postgres` their data is on a server of their own.

    Raises:
        StartFailed: a service did not start.
        mesh.hop.HopMissing, mesh.hop.HopFailed: a proxy is not installed, or did not start.
    """
    turns = list(turns)
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer()) if postgres else None
        databases = new_databases(server) if server else {}
        shop, reached = _opened(stack, folder, seed, kind, holdings(turns), databases)
        if server:
            reached = {**reached, "families": {DATABASE: server.pid}}
        world = world_of(shop, run_id, holdings(turns)).model_copy(update=reached)
        vias = sorted({turn.cell.via for turn in turns})
        worlds = {via: _behind(world, via, stack) for via in vias}
        placement = Placement.of(kind.workers, available())
        if placement:
            for each in worlds.values():
                placement.keep(each.pids)
                placement.keep({name: family(pid) for name, pid in each.families.items()})
        yield {via: Site(each, shop.environ, placement) for via, each in worlds.items()}


def _opened(
    stack: ExitStack,
    folder: Path,
    seed: int,
    kind: ShopKind,
    wanted: Iterable[Holding],
    databases: dict[str, str],
) -> tuple[Shop, Mapping[str, object]]:
    """A running shop, and what is reached in another way than its own in a mesh."""
    if not kind.meshed:
        return stack.enter_context(lab_shop(folder, wanted, seed, kind, databases)), {}
    meshed = stack.enter_context(
        MeshedShop(
            folder,
            products_env=_products_env(kind) | databases,
            orders_env=LAB_ORDERS_ENV | {"ORDERS_WORKERS": str(kind.workers)} | databases,
            stock=lab_stock(wanted, seed),
        )
    )
    proxies = tuple(meshed.running.pids.values())
    return meshed.shop, {
        "orders_target": meshed.target,
        "products_target": meshed.target,
        "pids": {**meshed.shop.pids, PATH: proxies},
    }


def _behind(world: World, via: str, stack: ExitStack) -> World:
    """The same services behind the hops of `via`, each of both behind hops of its own.

    The hops' limits are raised as far as they go: what they let through is for `make limits` to
    say, what they cost is for this comparison.
    """
    if via in (DIRECT, MESH):
        return world
    path = [replace(placed, variant=TUNED) for placed in parse_path(via)]
    pids: list[int] = []
    targets = {}
    for name in ("orders_target", "products_target"):
        host, _, port = getattr(world, name).rpartition(":")
        hops = stack.enter_context(launch_path(path, Address(host, int(port))))
        pids += [process for hop in hops for process in family(hop.pid)]
        targets[name] = str(hops[0].address)
    return world.model_copy(update={**targets, "pids": {**world.pids, PATH: tuple(pids)}})
