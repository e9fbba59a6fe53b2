"""Lanes: customers who do alike, and whose orders make one row of the results."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from client.carriers.table import CARRIERS
from loadtest.change.oracle import Bounds
from waybill.strategy import Strategy


class Clients(StrEnum):
    """What customers do about the state that they carry."""

    CARRY_NOTHING = "carry nothing"
    """Their strategy needs nothing of them."""
    HOLD = "hold"
    """They show what they hold until it is refused as no longer good, and only then list again;
    for a product that it does not have they list again once it has expired."""
    REFRESH = "refresh"
    """They list again after every refusal that another list might change."""

    @classmethod
    def of(cls, strategy: Strategy) -> "tuple[Clients, ...]":
        """The kinds that a strategy has."""
        return (cls.HOLD, cls.REFRESH) if CARRIERS[strategy].travels else (cls.CARRY_NOTHING,)


class Revocation(StrEnum):
    """What ends state that travels before it expires."""

    EXPIRY = "expiry"
    """Nothing does."""
    WATERMARKS = "watermarks"
    """Orders follows who lost something, and refuses what is older than that."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long what a service remembers, or a caller carries, may count; in seconds."""

    state_ttl_s: int
    leeway_s: int
    cache_ttl_s: float
    cache_negative_ttl_s: float
    reference_cache_ttl_s: float
    lag_bound_s: float
    revocation_lag_bound_s: float

    @property
    def expiry_s(self) -> float:
        """The longest life of state that travels."""
        return self.state_ttl_s + self.leeway_s

    @property
    def products_env(self) -> dict[str, str]:
        """As settings of the products service."""
        return {"PRODUCTS_STATE_TTL_S": str(self.state_ttl_s)}

    @property
    def orders_env(self) -> dict[str, str]:
        """As settings of the orders service."""
        return {
            "ORDERS_CLOCK_LEEWAY_S": str(self.leeway_s),
            "ORDERS_CACHE_TTL_S": str(self.cache_ttl_s),
            "ORDERS_CACHE_NEGATIVE_TTL_S": str(self.cache_negative_ttl_s),
            "ORDERS_REFERENCE_CACHE_TTL_S": str(self.reference_cache_ttl_s),
            "ORDERS_REPLICA_LAG_BOUND_S": str(self.lag_bound_s),
            "ORDERS_STATE_REVOCATION_LAG_BOUND_S": str(self.revocation_lag_bound_s),
        }


@dataclass(frozen=True, slots=True)
class Stated:
    """What a strategy says of its own staleness."""

    bounds: Bounds
    words: str


def _expiry(lives: Lifetimes) -> Stated:
    longest = lives.expiry_s
    words = f"expiry: {lives.state_ttl_s} s, and {lives.leeway_s} s of leeway for clocks"
    return Stated(Bounds(longest, longest, longest, longest), words)


def _cache(lives: Lifetimes) -> Stated:
    ttl, negative = lives.cache_ttl_s, min(lives.cache_ttl_s, lives.cache_negative_ttl_s)
    words = f"TTL of the cache: {ttl:g} s, of what it says is not granted {negative:g} s"
    return Stated(Bounds(ttl, ttl, negative, ttl), words)


def _reference(lives: Lifetimes) -> Stated:
    ttl, longest = lives.reference_cache_ttl_s, lives.expiry_s
    words = f"TTL of the cache after a revocation: {ttl:g} s; else expiry: {longest:g} s"
    return Stated(Bounds(ttl, longest, longest, longest), words)


def _replica(lives: Lifetimes) -> Stated:
    lag = lives.lag_bound_s
    return Stated(Bounds(lag, lag, lag, lag), f"bound of the lag: {lag:g} s")


_STATED = {
    Strategy.METADATA_JWT: _expiry,
    Strategy.MESSAGE_FIELD: _expiry,
    Strategy.REPLICA: _replica,
    Strategy.DIRECT_CALL: _cache,
    Strategy.PAGE_PROOF: _expiry,
    Strategy.REFERENCE: _reference,
}


def stated(strategy: Strategy, lives: Lifetimes, revocation: Revocation) -> Stated:
    """What a strategy states, with the services set so."""
    own = _STATED[strategy](lives)
    if revocation is Revocation.EXPIRY or not CARRIERS[strategy].travels:
        return own
    lag = lives.revocation_lag_bound_s
    bounds = replace(
        own.bounds,
        revoked_s=min(lag, own.bounds.revoked_s),
        narrowed_s=min(lag, own.bounds.narrowed_s),
    )
    return Stated(bounds, f"bound of the watermarks' lag after a loss: {lag:g} s; {own.words}")


@dataclass(frozen=True, slots=True)
class Lane:
    """Customers of one strategy who do alike."""

    strategy: Strategy
    clients: Clients
    revocation: Revocation
    stated: Stated

    @classmethod
    def all_of(
        cls, strategies: Iterable[Strategy], lives: Lifetimes, revocation: Revocation
    ) -> "list[Lane]":
        """Every way in which customers use each of `strategies`."""
        return [
            cls(strategy, clients, revocation, stated(strategy, lives, revocation))
            for strategy in strategies
            for clients in Clients.of(strategy)
        ]

    @property
    def name(self) -> str:
        """Part of its customers' names."""
        words = (self.strategy, self.clients, self.revocation)
        return "-".join(words).replace(" ", "-")
