"""When to give a stream up, and when to come back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """When to give a stream up, and how long to wait before the next; all in seconds.

    A source may need `first_event_s` to read the snapshot that it begins with, and never lets
    `silence_s` pass later on. The wait doubles from `backoff_s` to `max_backoff_s` and starts again
    after anything useful; chance takes up to half of it away, so that followers don't return in
    step. The state is logged every `report_every_s`.
    """

    silence_s: float = 3.0
    first_event_s: float = 10.0
    backoff_s: float = 0.1
    max_backoff_s: float = 5.0
    report_every_s: float = 10.0

    @classmethod
    def within(cls, lag_bound_s: float) -> "Pace":
        """A pace that gives a silent stream up while the copy is still within its bound.

        It looks for a source that is gone five times in that bound: until it is found again,
        nobody is served from a copy that is over its bound.
        """
        return cls(
            silence_s=min(0.6 * lag_bound_s, 30.0), max_backoff_s=min(0.2 * lag_bound_s, 5.0)
        )

    def wait_s(self, failures: int, chance: float) -> float:
        """The wait after this many failures in a row, with `chance` from 0 to 1."""
        longest = min(self.max_backoff_s, self.backoff_s * 2.0 ** min(failures, 30))
        return longest * (1 - chance / 2)
