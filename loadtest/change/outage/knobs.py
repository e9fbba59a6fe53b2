"""What a profile says of the outage experiment: its table `[outage]`."""

from pydantic import Field

from loadtest.values import Value


class OutageKnobs(Value):
    """Values of `[outage]`; each has a default."""

    returning_per_s: float = Field(20, gt=0, le=1000)
    """Orders a second of each strategy by customers who have listed before."""
    new_per_s: float = Field(2, ge=0, le=1000)
    """The same by customers who list first."""
    strangers_per_s: float = Field(2, ge=0, le=1000)
    """The same by somebody who was never granted anything."""
    long_s: float = Field(7.0, gt=0, le=600)
    """How long products is gone or paused, and the follower paused: beyond the bounds of 5 s that
    caches and replica have by default."""
    short_s: float = Field(2.5, gt=0, le=600)
    """How long the store of references is gone or paused, and a worker paused."""
    long_settle_s: float = Field(5.0, gt=0, le=600)
    """After what lasted long: time to recover, and to be steady again."""
    short_settle_s: float = Field(3.0, gt=0, le=600)
    """The same after what was short."""
    before_s: float = Field(1.5, gt=0, le=600)
    """The end of that time, which counts as the state before the next fault."""
    bucket_s: float = Field(0.2, gt=0, le=10)
    """Step of the time lines."""
    lasting_s: float = Field(1.0, gt=0, le=60)
    """How long nothing may be refused for a success to be a lasting one."""
