"""The shops as the comparison needs them: customers, and the settings that are not the default."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.affinity import Placement, available
from loadtest.plan import ShopKind, Turn
from loadtest.results import FLOOR, Cell
from loadtest.shop import Shop
from loadtest.stock import Stock
from loadtest.world import World, holding
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
MOST_ROWS = 200_000
"""Grants of all customers of one holding, above which fewer customers share their lists."""


@dataclass(frozen=True, slots=True)
class Site:
    """Running services, and the environment for processes that work with them."""

    world: World
    environ: Mapping[str, str]
    placement: Placement | None = None
    """Where its services are kept; None where they go wherever the system puts them."""


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


def lab_shop(
    folder: Path, wanted: Iterable[Holding], seed: int, kind: ShopKind | None = None
) -> Shop:
    """A shop, not started yet, with the customers of `wanted`."""
    wanted = list(wanted)
    kind = kind or ShopKind()
    stock = Stock(
        grants={subject: each.grants for each in wanted for subject in each.subjects},
        id_kinds={subject: each.id_kind for each in wanted for subject in each.subjects},
        products=1,
        seed=seed,
    )
    return Shop(
        folder,
        products_env=LAB_PRODUCTS_ENV | {"PRODUCTS_SIGNING_ALGORITHM": kind.algorithm},
        orders_env=LAB_ORDERS_ENV,
        orders_workers=kind.workers,
        stock=stock,
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
def lab_site(
    seed: int, run_id: str, kind: ShopKind, turns: Iterable[Turn], folder: Path
) -> Iterator[Site]:
    """A running shop of the lab for `turns`, which need one of `kind`; files go into `folder`.

    Raises:
        StartFailed: a service did not start.
    """
    wanted = holdings(turns)
    with lab_shop(folder, wanted, seed, kind) as shop:
        placement = Placement.of(kind.workers, available())
        if placement:
            placement.keep(shop.pids)
        yield Site(world_of(shop, run_id, wanted), shop.environ, placement)
