"""The experiments under change, in the order in which they run."""

from loadtest.change.frame import Experiments
from loadtest.change.outage.experiment import Outage
from loadtest.change.rotation.experiment import Rotation
from loadtest.change.skew.experiment import Skew
from loadtest.change.staleness.experiment import Staleness
from loadtest.topics import Topic


def experiments() -> Experiments:
    """One for each topic but cost."""
    return {
        Topic.STALENESS: Staleness(),
        Topic.OUTAGE: Outage(),
        Topic.SKEW: Skew(),
        Topic.ROTATION: Rotation(),
    }
