"""The record of the rotation experiment. Values only."""

from loadtest.change.timeline import Timeline
from loadtest.values import Value


class KeyFetch(Value):
    """One time that orders fetched keys because somebody named one that it lacked, or got new ones.

    The experiment has keys in a file, so a fetch is a look at it.
    """

    keys: str
    """The file's name: of the keys of state, or of users."""
    at_s: float
    """When, since the time line's begin."""
    cause: str
    """`time`, or `missing-key` where an unknown key id was named."""
    changed: bool
    """Whether it brought other keys."""


class RotationResult(Value):
    """What changing keys did to one strategy."""

    strategy: str
    """A strategy's wire name."""
    rotated_s: tuple[float, ...]
    """When the signing key was changed, since the time line's begin."""
    wanted: int
    """Orders of customers, with listing first or without."""
    failed: dict[str, int]
    """Those that were not accepted, by code and reason: must be empty."""
    timeline: Timeline
    """Of all these orders."""
    forged: int
    """Orders that named a key which nobody has: of the state, or of the user's token where the
    strategy carries nothing signed."""
    forged_served: int
    """Those that were accepted: must be 0."""
    forged_refused: dict[str, int]
    """The others, by code and reason."""
    fetches: tuple[KeyFetch, ...]
    """Of the orders process; the same for all strategies."""
    most_in_30_s: int
    """Fetches for unknown key ids in any 30 s, of one kind of keys: at most 1."""
