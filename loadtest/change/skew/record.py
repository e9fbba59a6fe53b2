"""The record of the skew experiment. Values only."""

from loadtest.values import Value


class SkewResult(Value):
    """One strategy's outcome."""

    strategy: str
    """A strategy's wire name."""
