"""The shop, the customers and the job that experiments under change have in common."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtest.change.crowd.values import Job, Kind
from loadtest.shop import Shop
from loadtest.stock import Stock
from waybill.strategy import Strategy

CUSTOMERS = 4
"""Of each strategy, with connections of their own; the same people for all strategies."""
PAGE_SIZE = 20
STRANGER = "stranger"
"""Who was never granted anything."""


def customers_shop(
    folder: Path,
    seed: int,
    *,
    products_env: Mapping[str, str],
    orders_env: Mapping[str, str],
    orders_workers: int = 1,
) -> Shop:
    """A shop, not started yet, whose customers have a page of grants each."""
    return Shop(
        folder,
        products_env=products_env,
        orders_env=orders_env,
        orders_workers=orders_workers,
        stock=customers_stock(seed),
    )


def customers_stock(seed: int) -> Stock:
    """A page of grants for each customer."""
    return Stock(grants=dict.fromkeys(customers(), PAGE_SIZE), products=100, seed=seed)


def customers() -> Sequence[str]:
    """Who orders."""
    return tuple(f"customer-{number}" for number in range(CUSTOMERS))


def customers_job(
    shop: Shop,
    strategies: Sequence[Strategy],
    rates_per_s: Mapping[Kind, float],
    seed: int,
    list_again_s: float | None = None,
) -> Job:
    """What the customers of a running shop do."""
    return Job(
        orders_target=shop.orders_target,
        products_target=shop.products_target,
        strategies=tuple(strategies),
        tokens=tuple(map(shop.token, customers())),
        stranger_token=shop.token(STRANGER),
        rates_per_s=dict(rates_per_s),
        page_size=PAGE_SIZE,
        list_again_s=list_again_s,
        seed=seed,
    )
