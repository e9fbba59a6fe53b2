"""The record of the staleness experiment. Values only."""

from loadtest.values import Value


class StalenessResult(Value):
    """One strategy's outcome."""

    strategy: str
    """A strategy's wire name."""
