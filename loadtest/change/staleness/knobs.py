"""What a profile says of the staleness experiment: its table `[staleness]`."""

from pydantic import Field

from loadtest.values import Value


class StalenessKnobs(Value):
    """Values of `[staleness]`; each has a default."""

    changes_per_s: float = Field(200, gt=0, le=10_000)
    """Grants and revocations a second, most of them of customers who order nothing."""
    duration_s: float = Field(8, gt=0, le=3600)
    """How long rights change while orders flow, for each strategy."""
