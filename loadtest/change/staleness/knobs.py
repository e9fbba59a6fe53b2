"""What a profile says of the staleness experiment: its table `[staleness]`."""

from typing import Self

from pydantic import Field, model_validator

from loadtest.change.lanes import Lifetimes
from loadtest.values import Value


class StalenessKnobs(Value):
    """Values of `[staleness]`; each has a default. Lifetimes are short, so that runs can be."""

    duration_s: float = Field(32, gt=0, le=36_000)
    """How long rights change while orders flow, with all strategies as they come."""
    watermarks_s: float = Field(24, ge=0, le=36_000)
    """The same again for state that travels, where orders follows revocations; 0 leaves it out."""
    changes_per_s: float = Field(200, ge=0, le=10_000)
    """Grants and revocations of customers who order nothing, in the background."""
    customers: int = Field(12, ge=1, le=1000)
    """Customers of each strategy, and of each way to deal with what is carried, whose rights come
    and go."""
    orders_per_s: float = Field(20, gt=0, le=10_000)
    """Orders a second of all customers of one strategy and one way."""
    state_ttl_s: int = Field(2, ge=1, le=86_400)
    """How long issued state holds."""
    leeway_s: int = Field(1, ge=0, le=300)
    """How far the clocks of issuer and reader may differ."""
    cache_ttl_s: float = Field(1.0, ge=0)
    """How long an answer of products is reused."""
    cache_negative_ttl_s: float = Field(0.5, ge=0)
    """The same for the answer that there is no grant."""
    reference_cache_ttl_s: float = Field(0.5, ge=0)
    """How long a resolved reference is reused."""
    lag_bound_s: float = Field(2.0, gt=0)
    """How far behind the replica may be."""
    revocation_lag_bound_s: float = Field(1.0, gt=0)
    """How far behind what orders knows of revocations may be."""
    dwell_s: tuple[float, float] = (3.2, 5.0)
    """How long a right usually stays as it is: at least, at most."""

    @model_validator(mode="after")
    def _rights_stay_for_some_time(self) -> Self:
        if not 0 < self.dwell_s[0] <= self.dwell_s[1]:
            raise ValueError("dwell_s: a positive time, and one that is not shorter")
        return self

    @property
    def lifetimes(self) -> Lifetimes:
        """What the services are told."""
        return Lifetimes(
            state_ttl_s=self.state_ttl_s,
            leeway_s=self.leeway_s,
            cache_ttl_s=self.cache_ttl_s,
            cache_negative_ttl_s=self.cache_negative_ttl_s,
            reference_cache_ttl_s=self.reference_cache_ttl_s,
            lag_bound_s=self.lag_bound_s,
            revocation_lag_bound_s=self.revocation_lag_bound_s,
        )
