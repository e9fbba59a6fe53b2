"""What a profile says of the skew experiment: its table `[skew]`."""

from loadtest.values import Value


class SkewKnobs(Value):
    """Values of `[skew]`; each has a default."""
