"""What a profile says of the skew experiment: its table `[skew]`."""

from pydantic import Field

from loadtest.values import Value


class SkewKnobs(Value):
    """Values of `[skew]`; each has a default."""

    orders_per_s: float = Field(15, gt=0, le=1000)
    """Orders a second of each strategy while services are rolled."""
    list_again_s: float = Field(0.6, gt=0, le=600)
    """How often a customer lists anew, and so gets state of the versions that are issued now."""
    issued_s: float = Field(0.7, gt=0, le=600)
    """How long versions stay together after products issues others: longer than `list_again_s`."""
    back_s: float = Field(1.2, gt=0, le=600)
    """The same after an instance of orders is back: as long as customers may take to find it, so
    that the next one can go."""
    shifted_s: float = Field(0.8, gt=0, le=600)
    """How long each weight of the traffic split counts before the next."""
    bucket_s: float = Field(0.2, gt=0, le=10)
    """Step of the time lines."""
