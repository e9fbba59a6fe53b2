"""The record of the outage experiment. Values only."""

from loadtest.values import Value


class OutageResult(Value):
    """One strategy's outcome."""

    strategy: str
    """A strategy's wire name."""
