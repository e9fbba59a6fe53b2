"""Products and two services of orders while versions change, and where customers find them.

Side by side, both are instances of one service, and customers spread their calls over them. In the
mesh customers know the edge alone, and the edge splits orders between the two by weight.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.change.crowd.values import Job, Kind
from loadtest.change.settings import customers_job, customers_shop, customers_stock
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.meshed import MeshedShop, MeshOptions
from loadtest.processes import Service
from loadtest.shop import Shop, wait_until_serving
from waybill.strategy import Strategy

FIRST = "1"
"""The version before all rolls, and after."""
READS_BOTH = "1,2"
"""What the second orders service in the mesh reads."""
_PRODUCTS_ENV = {"PRODUCTS_LOG_LEVEL": "warning", "PRODUCTS_STATE_VERSIONS": FIRST}
_ORDERS_ENV = {"ORDERS_LOG_LEVEL": "warning", "ORDERS_STATE_VERSIONS": FIRST}


@dataclass(frozen=True, slots=True)
class Fleet:
    """Running services: the processes by the names that moves give them."""

    shop: Shop
    processes: Mapping[str, Service]
    orders_target: str
    products_target: str
    meshed: MeshedShop | None = None
    """What splits orders by weight; None where customers choose."""

    def restart(self, process: str, versions: str) -> None:
        """Stop a process in good order and start it anew with other versions.

        Raises:
            StartFailed: it did not come back.
        """
        service = self.processes[process]
        service.stop()
        variable = f"{process.partition('-')[0].upper()}_STATE_VERSIONS"
        service.start_again({**service.environ, variable: versions})
        wait_until_serving(service)

    def shift(self, percent: int) -> None:
        """Send this part of the orders to the second orders service.

        Raises:
            HopFailed: the edge did not take it.
        """
        assert self.meshed is not None, "customers choose"
        self.meshed.shift(percent)

    def job(self, strategies: Sequence[Strategy], knobs: SkewKnobs, seed: int) -> Job:
        """What the customers do."""
        rates = {Kind.RETURNING: knobs.orders_per_s}
        job = customers_job(self.shop, strategies, rates, seed, knobs.list_again_s)
        targets = {"orders_target": self.orders_target, "products_target": self.products_target}
        return job.model_copy(update=targets)


@contextmanager
def side_by_side(folder: Path, seed: int) -> Iterator[Fleet]:
    """Products and two instances of orders, all at version 1.

    Raises:
        StartFailed: a service did not start.
    """
    shop = customers_shop(folder, seed, products_env=_PRODUCTS_ENV, orders_env=_ORDERS_ENV)
    with shop, shop.orders_beside("orders-2") as second:
        wait_until_serving(second)
        processes = {"products": shop.products, "orders-1": shop.orders, "orders-2": second}
        both = f"ipv4:{shop.orders_target},{second.target}"
        yield Fleet(shop, processes, both, shop.products_target)


@contextmanager
def behind_the_edge(folder: Path, seed: int) -> Iterator[Fleet]:
    """Products and orders at version 1, which gets all orders, and orders that reads both versions.

    Raises:
        StartFailed: a service did not start.
        HopFailed, HopMissing: a proxy did not start.
    """
    meshed = MeshedShop(
        folder,
        products_env=_PRODUCTS_ENV,
        orders_env=_ORDERS_ENV,
        stock=customers_stock(seed),
        options=MeshOptions(second_env={"ORDERS_STATE_VERSIONS": READS_BOTH}),
    )
    with meshed:
        processes = {"products": meshed.shop.products}
        yield Fleet(meshed.shop, processes, meshed.target, meshed.target, meshed)
