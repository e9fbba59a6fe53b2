"""What `make compare` can be asked about: `ONLY=cost`, `ONLY="staleness skew"`."""

from enum import StrEnum


class Topic(StrEnum):
    """A part of the comparison that can run by itself."""

    COST = "cost"
    """All sweeps: what a call costs, how long it takes, how large it is, where it breaks."""
    STALENESS = "staleness"
    """Rights change while orders flow: how old is what decisions are made on?"""
    OUTAGE = "outage"
    """Services are killed, paused and restarted under load."""
    SKEW = "skew"
    """Producer and consumer have different versions of the state, also while they are upgraded."""
    ROTATION = "rotation"
    """Signing keys change under load."""
