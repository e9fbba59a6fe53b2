"""The shops as the comparison needs them: customers, and the settings that are not the default."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from loadtest.lab import fresh
from loadtest.meshed import MeshedShop
from loadtest.plan import Turn
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
PATH = "path"
"""What the CPU time of all proxies in between is told as."""
MOST_ROWS = 200_000
"""Grants of all customers of one holding, above which fewer customers share their lists."""


@dataclass(frozen=True, slots=True)
class Site:
    """Running services, and the environment for processes that work with them."""

    world: World
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a cell is measured."""

    workers: int
    """Processes of the orders service."""
    via: str
    """What stands in between."""

    @classmethod
    def of(cls, cell: Cell) -> "Place":
        """The place of one cell."""
        return cls(cell.workers, cell.via)


Sites: TypeAlias = Mapping[Place, Site]


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
    customers = users if fresh(cell) else max(1, min(users, MOST_ROWS // grants))
    return Holding.of(cell, customers)


def lab_stock(wanted: Iterable[Holding], seed: int) -> Stock:
    """What the customers of `wanted` may order."""
    wanted = list(wanted)
    return Stock(
        grants={subject: each.grants for each in wanted for subject in each.subjects},
        id_kinds={subject: each.id_kind for each in wanted for subject in each.subjects},
        products=max((each.grants for each in wanted), default=1),
        seed=seed,
    )


def lab_shop(
    folder: Path, wanted: Iterable[Holding], seed: int, *, orders_workers: int = 1
) -> Shop:
    """A shop, not started yet, with the customers of `wanted`."""
    return Shop(
        folder,
        products_env=LAB_PRODUCTS_ENV,
        orders_env=LAB_ORDERS_ENV,
        orders_workers=orders_workers,
        stock=lab_stock(wanted, seed),
    )


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
def lab_sites(turns: Iterable[Turn], seed: int, run_id: str, folder: Path) -> Iterator[Sites]:
    """Sites of the lab for all of `turns`, one for each place.

    All run at once, so that their cells can be measured in the same rounds. Hops stand in front of
    the same services that are called directly; the mesh has services of its own.

    Raises:
        StartFailed: a service did not start.
        mesh.hop.HopMissing, mesh.hop.HopFailed: a proxy is not installed, or did not start.
    """
    turns = list(turns)
    with ExitStack() as stack:
        sites: dict[Place, Site] = {}
        for workers in sorted({turn.cell.workers for turn in turns}):
            mine = [turn for turn in turns if turn.cell.workers == workers]
            opening = _Opening(folder / f"workers-{workers}", seed, run_id, holdings(mine), workers)
            for via in sorted({turn.cell.via for turn in mine}):
                sites[Place(workers, via)] = opening.site(via, stack)
        yield sites


class _Opening:
    """Opens the sites of one number of workers."""

    def __init__(
        self, folder: Path, seed: int, run_id: str, wanted: Sequence[Holding], workers: int
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._run_id = run_id
        self._wanted = wanted
        self._workers = workers
        self._shop: Shop | None = None

    def site(self, via: str, stack: ExitStack) -> Site:
        if via == MESH:
            return self._meshed(stack)
        shop = self._shop = self._shop or self._opened(stack)
        world = world_of(shop, self._run_id, self._wanted)
        if via != DIRECT:
            world = _behind(world, via, stack)
        return Site(world, shop.environ)

    def _opened(self, stack: ExitStack) -> Shop:
        self._folder.mkdir()
        shop = lab_shop(self._folder, self._wanted, self._seed, orders_workers=self._workers)
        return stack.enter_context(shop)

    def _meshed(self, stack: ExitStack) -> Site:
        folder = self._folder.with_name(f"{self._folder.name}-mesh")
        folder.mkdir()
        meshed = stack.enter_context(
            MeshedShop(
                folder,
                products_env=LAB_PRODUCTS_ENV,
                orders_env=LAB_ORDERS_ENV | {"ORDERS_WORKERS": str(self._workers)},
                stock=lab_stock(self._wanted, self._seed),
            )
        )
        world = world_of(meshed.shop, self._run_id, self._wanted)
        proxies = tuple(meshed.running.pids.values())
        moved = {
            "orders_target": meshed.target,
            "products_target": meshed.target,
            "pids": {**world.pids, PATH: proxies},
        }
        return Site(world.model_copy(update=moved), meshed.shop.environ)


def _behind(world: World, via: str, stack: ExitStack) -> World:
    """The same services behind the hops of `via`, each of both behind hops of its own.

    The hops' limits are raised as far as they go: what they let through is for `make limits` to
    say, what they cost is for this comparison.
    """
    path = [replace(placed, variant=TUNED) for placed in parse_path(via)]
    pids: list[int] = []
    targets = {}
    for name in ("orders_target", "products_target"):
        host, _, port = getattr(world, name).rpartition(":")
        hops = stack.enter_context(launch_path(path, Address(host, int(port))))
        pids += [process for hop in hops for process in family(hop.pid)]
        targets[name] = str(hops[0].address)
    return world.model_copy(update={**targets, "pids": {**world.pids, PATH: tuple(pids)}})
