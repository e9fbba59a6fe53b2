"""The record of the rotation experiment. Values only."""

from loadtest.values import Value


class RotationResult(Value):
    """One strategy's outcome."""

    strategy: str
    """A strategy's wire name."""
