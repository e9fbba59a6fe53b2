"""The record of the staleness experiment. Values only."""

from pydantic import Field

from loadtest.values import Value


class Times(Value):
    """How long something took, each time, in milliseconds."""

    series_ms: tuple[float, ...]
    """All that were seen, from the shortest: the cumulative distribution."""
    unseen: int = 0
    """Changes that nobody saw before the next one came."""
    p50_ms: float | None = None
    """Median of the series; None where it is empty."""
    p99_ms: float | None = None
    """Its 99th percentile, by nearest rank."""
    max_ms: float | None = None
    """Its longest."""


class StatedBounds(Value):
    """How long the strategy says that a change may be left out of decisions, in seconds."""

    words: str
    """Where they come from."""
    revoked_s: float
    """A right that was taken away."""
    narrowed_s: float
    """A maximum quantity that became too low."""
    granted_s: float
    """A right that was given."""
    widened_s: float
    """A maximum quantity that became high enough."""


class Violation(Value):
    """One decision beyond the stated bounds."""

    subject: str
    """Whose order it was."""
    product_id: str
    """What was ordered."""
    finding: str
    """What the oracle says of it."""
    age_s: float
    """How long it had been wrong when the order was sent, at least."""
    sent_s: float
    """When the order was sent, in seconds from the begin of the phase."""


class StalenessResult(Value):
    """What one strategy's customers of one kind saw."""

    strategy: str
    """A strategy's wire name."""
    clients: str
    """What its customers do about carried state: "hold", "refresh" or "carry nothing"."""
    revocation: str
    """What ends state that travels early: "watermarks", or nothing before its "expiry"."""
    bounds: StatedBounds
    """What the strategy promises."""
    revoke_to_refusal: Times
    """From the acknowledged revocation to the answer of the first order from which on none was
    accepted."""
    grant_to_accept: Times
    """From the acknowledged grant to the answer of the first order that was accepted."""
    wrong_age: Times
    """Of all wrong decisions: how long they had been wrong, at least."""
    decisions: int
    """Orders that were answered, those that looked for a change included."""
    findings: dict[str, int]
    """Decisions by what the oracle says of them."""
    undecided: dict[str, int] = Field({})
    """Refusals that say nothing of a right, by code and reason."""
    flow_decisions: int
    """Orders for the product whose rights change, from the steady flow alone."""
    flow_wrong: int
    """How many of those were decided wrongly."""
    stranger_orders: int
    """Orders of the customer who was never granted the product."""
    stranger_served: int
    """How many of them were accepted."""
    broken: int
    """Decisions beyond the stated bounds."""
    violations: tuple[Violation, ...] = ()
    """The first of them."""
    duration_s: float
    """Length of the phase."""
    changes_per_s: float
    """All changes that were acknowledged in this phase, those in the background included."""
    orders_per_s: float
    """Orders of all strategies of this phase that were answered."""
    late_p99_ms: float
    """How much later than intended the flow of this phase was sent, at the 99th percentile."""
    settings: dict[str, str]
    """Settings of both services that matter for it."""

    @property
    def wrong_per_thousand(self) -> float:
        """Wrong decisions among a thousand orders of the flow."""
        return 1000 * self.flow_wrong / self.flow_decisions if self.flow_decisions else 0.0
