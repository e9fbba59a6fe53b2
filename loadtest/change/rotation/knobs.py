"""What a profile says of the rotation experiment: its table `[rotation]`."""

from loadtest.values import Value


class RotationKnobs(Value):
    """Values of `[rotation]`; each has a default."""
