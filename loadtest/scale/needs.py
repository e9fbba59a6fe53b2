"""What a number of users needs with each strategy: the model, carried to a workload. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from loadtest.scale.model import Model
from waybill.strategy import Strategy

DAY_S = 86_400
STATE_LIFETIME_S = 300
"""The default of PRODUCTS_STATE_TTL_S."""
DIRECT_TTL_S = 5
"""The default of ORDERS_CACHE_TTL_S."""
REFERENCE_TTL_S = 1
"""The default of ORDERS_REFERENCE_CACHE_TTL_S."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Who orders how much."""

    users: int
    grants_each: int = 10_000
    churn_per_day: float = 0.01
    """Part of all grants that changes in a day."""
    orders_per_day: float = 1.0
    """Of one user; each is preceded by one listing of a page."""
    page_size: int = 100
    peak: float = 3.0
    """How many times the mean the busiest hour is."""
    utilisation: float = 0.6
    """How busy a core may be at the peak."""

    @property
    def grants(self) -> int:
        """Of all users."""
        return self.users * self.grants_each

    @property
    def orders_per_s(self) -> float:
        """At the peak."""
        return self.users * self.orders_per_day / DAY_S * self.peak

    @property
    def changes_per_s(self) -> float:
        """On average."""
        return self.grants * self.churn_per_day / DAY_S


def orders_processes(workload: Workload, model: Model, strategy: str) -> int:
    """How many processes of the orders service keep within the utilisation.

    The more there are, the fewer calls each gets, and the more a call costs it.
    """
    above_us = model.costs[strategy].order_us(workload.page_size)
    rate, count = workload.orders_per_s, 1
    while (needed := ceil(rate * _busy(model, above_us, rate / count) / workload.utilisation)) > (
        count
    ):
        count = needed
    return count


def _busy(model: Model, above_us: float, rate_per_s: float) -> float:
    """CPU seconds of an order where one process gets so many."""
    return (model.bare.at(rate_per_s) + above_us) / 1e6


def orders_cores(workload: Workload, model: Model, strategy: str) -> float:
    """Cores for the orders service at the peak, followers of the feed with it."""
    above_us = model.costs[strategy].order_us(workload.page_size)
    count = orders_processes(workload, model, strategy)
    rate = workload.orders_per_s
    used = rate * _busy(model, above_us, rate / count)
    if strategy == Strategy.REPLICA:
        used += workload.changes_per_s * model.replica.change_us / 1e6
    return used / workload.utilisation


def products_cores(workload: Workload, model: Model, strategy: str) -> float:
    """Cores for products and the store at the peak: a listing and its part of every order."""
    found = model.costs[strategy]
    an_order_us = found.listing.at(workload.page_size) + found.first_elsewhere_us
    used = workload.orders_per_s * an_order_us / 1e6
    return (used + model.products_rest) / workload.utilisation


def memory_bytes(workload: Workload, model: Model, strategy: str) -> float:
    """Of the processes that those cores are for, as large as they were measured."""
    products = ceil(products_cores(workload, model, strategy))
    orders = orders_processes(workload, model, strategy)
    resident = model.resident
    return orders * resident.get("orders", 0) + products * resident.get("products", 0)


def state_bytes(workload: Workload, model: Model, strategy: str) -> float:
    """Held by orders or beside it, for each copy."""
    held = _HELD.get(strategy)
    return held(workload, model) if held else 0.0


def _copied(workload: Workload, model: Model) -> float:
    return model.replica.file_bytes.at(workload.grants)


def _stored(workload: Workload, model: Model) -> float:
    """A page's state lives in the store while it is valid; it is what a message would carry."""
    message = model.costs.get(Strategy.MESSAGE_FIELD, model.costs[Strategy.REFERENCE])
    each = message.carried_bytes.at(workload.page_size)
    return workload.orders_per_s * STATE_LIFETIME_S * each


_HELD: Mapping[str, Callable[[Workload, Model], float]] = {
    Strategy.REPLICA: _copied,
    Strategy.REFERENCE: _stored,
}


def users_bytes_per_s(workload: Workload, model: Model, strategy: str) -> float:
    """Between users and services."""
    found, size = model.costs[strategy], workload.page_size
    return workload.orders_per_s * (found.bytes_of_order(size) + found.listing_bytes.at(size))


def feed_bytes_per_s(workload: Workload, model: Model, strategy: str) -> float:
    """From products to each copy."""
    kept = strategy == Strategy.REPLICA
    return workload.changes_per_s * model.replica.change_bytes if kept else 0.0


def parts(workload: Workload, model: Model, strategy: str) -> int:
    """Into how many parts a copy must be cut, for its follower to be at most half busy."""
    if strategy != Strategy.REPLICA:
        return 1
    return max(1, ceil(workload.changes_per_s / (model.replica.changes_per_s / 2)))


def staleness_s(workload: Workload, model: Model, strategy: str) -> float:
    """How old what orders decides by may be: the copy's lag in 99 of 100 moments, or a bound."""
    if strategy == Strategy.REPLICA:
        rate = workload.changes_per_s / parts(workload, model, strategy)
        return model.replica.lag_ms.at(rate) / 1e3
    return _BOUNDS_S.get(strategy, STATE_LIFETIME_S)


_BOUNDS_S: Mapping[str, float] = {
    Strategy.DIRECT_CALL: DIRECT_TTL_S,
    Strategy.REFERENCE: REFERENCE_TTL_S,
}
