"""The experiments under change, in the order in which they run."""

from loadtest.change.frame import Experiments


def experiments() -> Experiments:
    """One for each topic but cost."""
    return {}
