"""What a profile says of the skew experiment: its table `[skew]`."""

from pydantic import Field

from loadtest.values import Value


class SkewKnobs(Value):
    """Values of `[skew]`; each has a default."""

    orders_per_s: float = Field(15, gt=0, le=1000)
    """Orders a second of each strategy while services are rolled."""
    list_again_s: float = Field(0.6, gt=0, le=600)
    """How often a customer lists anew, and so gets state of the versions that are issued now."""
    dwell_s: float = Field(1.1, gt=0, le=600)
    """How long versions stay together after each step: at least as long as a customer may take to
    find an instance that is back."""
    bucket_s: float = Field(0.2, gt=0, le=10)
    """Step of the time lines."""
