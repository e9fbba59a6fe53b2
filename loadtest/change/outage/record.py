"""The record of the outage experiment. Values only."""

from loadtest.change.timeline import Timeline
from loadtest.values import Value


class Seen(Value):
    """Calls that reached a service, as its own log has them, and for how many wanted ones."""

    wanted: int
    """Calls that customers wanted, of all kinds."""
    ordered: int
    """Those of them that came as far as ordering."""
    orders: int
    """Calls that orders worked on, tries again included."""
    products: int
    """Calls that products worked on for them: lists, questions of direct-call, watches of the
    replica's follower that ended."""


class Phase(Value):
    """Calls that were due before, during or after a fault."""

    served: int
    """Orders accepted, of customers who have listed before."""
    refused: dict[str, int]
    """The same refused, by code and reason."""
    slowest_s: float
    """The longest answer, from when the call was due."""
    new_served: int
    """Orders accepted, of customers who list first."""
    new_refused: dict[str, int]
    """The same refused; after `list ` where the listing was."""
    seen: Seen
    """What the services saw."""

    @property
    def share(self) -> float | None:
        """Of the wanted orders of customers who have listed, those accepted; None without any."""
        wanted = self.served + sum(self.refused.values())
        return self.served / wanted if wanted else None


class OutageResult(Value):
    """What one fault did to the orders of one strategy."""

    strategy: str
    """A strategy's wire name."""
    target: str
    """What was hit: products, follower, store (of references), worker-1 or worker-2 (of orders)."""
    fault: str
    """killed or paused."""
    began_s: float
    """When, since the time line's begin."""
    ended_s: float
    """When the cause was gone: the process serves again, or goes on. Of what its parent starts
    again by itself it is the moment of the kill."""
    recovered_s: float | None
    """From `ended_s` to the first answer after which nothing was refused for a while; 0 where
    nothing was refused since `began_s`, None where it did not happen in the time line."""
    before: Phase
    """The last moments before `began_s`."""
    during: Phase
    """From `began_s` to `ended_s`; empty where the cause is a moment."""
    after: Phase
    """From `ended_s` to the end of the time line."""
    timeline: Timeline
    """Of customers who have listed before."""
    strangers: int
    """Orders of somebody who was never granted anything, in all phases."""
    strangers_served: int
    """Those that were accepted: must be 0."""
