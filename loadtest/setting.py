"""The shop as the comparison needs it: its customers, and the settings that are not the default."""

from collections.abc import Sequence
from pathlib import Path

from loadtest.shop import Shop
from loadtest.stock import Stock
from loadtest.world import World, subject

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


def subjects(ids: Sequence[int], customers: int) -> dict[str, int]:
    """The lab's customers: so many for each number of ids that one may order."""
    return {subject(count, number): count for count in ids for number in range(customers)}


def lab_shop(folder: Path, ids: Sequence[int], customers: int, seed: int) -> Shop:
    """A shop, not started yet, whose customers may order exactly as many products as named."""
    stock = Stock(grants=subjects(ids, customers), products=max(ids), seed=seed)
    return Shop(folder, products_env=LAB_PRODUCTS_ENV, orders_env=LAB_ORDERS_ENV, stock=stock)


def world_of(shop: Shop, run_id: str, ids: Sequence[int], customers: int) -> World:
    """What a load generator must know of a running lab shop."""
    return World(
        run_id=run_id,
        orders_target=shop.orders_target,
        products_target=shop.products_target,
        pids={"orders": shop.orders_pids, "products": shop.products.pids},
        customers=customers,
        tokens={name: shop.token(name) for name in subjects(ids, customers)},
    )
