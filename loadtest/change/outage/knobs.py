"""What a profile says of the outage experiment: its table `[outage]`."""

from loadtest.values import Value


class OutageKnobs(Value):
    """Values of `[outage]`; each has a default."""
