"""What a profile says of the rotation experiment: its table `[rotation]`."""

from pydantic import Field

from loadtest.values import Value


class RotationKnobs(Value):
    """Values of `[rotation]`; each has a default."""

    rotations: int = Field(3, ge=1, le=1000)
    """How often the signing key changes."""
    every_s: float = Field(6.0, gt=0, le=3600)
    """Time between two changes. The last key but one is trusted no more, so it must be longer than
    what a new key waits until it signs (4 s) and `list_again_s` together: in production, than that
    and the life of the state."""
    list_again_s: float = Field(1.0, gt=0, le=3600)
    """How often a customer lists anew, and so gets state of the key that signs now."""
    returning_per_s: float = Field(15, gt=0, le=1000)
    """Orders a second of each strategy by customers who have listed before."""
    new_per_s: float = Field(2, ge=0, le=1000)
    """The same by customers who list first."""
    forged_per_s: float = Field(10, ge=0, le=1000)
    """The same under the names of keys that nobody has."""
    bucket_s: float = Field(0.2, gt=0, le=10)
    """Step of the time lines."""
