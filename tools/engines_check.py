"""What the shop does on PostgreSQL, Valkey and NATS JetStream, in containers."""

from collections.abc import Callable, Sequence
from typing import Final

from tools.running_shop import (
    CUSTOMER,
    ENGINES,
    CheckFailed,
    ShopOnEngines,
    placed_under,
    same_orders,
)
from waybill.strategy import Strategy

STRATEGIES: Final = tuple(str(strategy.value) for strategy in Strategy)


def comes_up(shop: ShopOnEngines) -> str:
    """Engines, login and both services, with nothing waited for but what the files say."""
    shop.up()
    return "both are SERVING under every strategy"


def takes_orders(shop: ShopOnEngines) -> str:
    """One order under each strategy, which PostgreSQL then holds, and nothing else."""
    same_orders(placed_under(shop, STRATEGIES), shop.stored_orders())
    return ", ".join(STRATEGIES)


def replica_is_fed_over_nats(shop: ShopOnEngines) -> str:
    """What is granted while NATS is away reaches the replica once NATS is back."""
    product = shop.listed()
    shop.client("login", "admin", "--admin")
    shop.lose("nats")
    shop.client("grant", "newcomer", product)
    shop.client("login", "newcomer")
    shop.client("--strategy", "direct-call", "order", product)
    if shop.is_taken("--strategy", "replica", "--timeout", "2", "order", product):
        raise CheckFailed("the replica knows a grant that NATS cannot have told")
    shop.regain("nats")
    shop.client("--strategy", "replica", "order", product)
    shop.client("login", CUSTOMER)
    return "refuses without NATS, knows a new grant when it is back"


def engines_are_killed(shop: ShopOnEngines) -> str:
    """After SIGKILL of each engine both services serve again, all strategies, with all orders."""
    for engine in ENGINES:
        before = shop.orders()
        shop.lose(engine)
        shop.regain(engine)
        same_orders(before, shop.orders())
        for strategy in STRATEGIES:
            shop.placed(strategy)
    return f"{', '.join(ENGINES)}; {len(shop.stored_orders())} orders in PostgreSQL"


def services_end(shop: ShopOnEngines) -> str:
    """Both drain within the grace period."""
    for part in ("orders", "products"):
        shop.ends_well(part)
    return "exit code 0"


CHECKS: Final[Sequence[Callable[[ShopOnEngines], str]]] = (
    comes_up,
    takes_orders,
    replica_is_fed_over_nats,
    engines_are_killed,
    services_end,
)
