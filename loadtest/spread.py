"""A figure over the rounds, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import comb
from statistics import median

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds: its median, and between which values that is known to lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """The spread of `values`, None without any.

        The interval is that of the sign test, which supposes nothing of how values are distributed:
        from both ends as many are left out as `CONFIDENCE` allows. Fewer than six allow none, and
        have their range, which is less certain: with three of them to 75 %.
        """
        if not values:
            return None
        ordered, spare = sorted(values), _spare(len(values))
        return cls(median(values), ordered[spare], ordered[-1 - spare])


@lru_cache(maxsize=256)
def _spare(count: int) -> int:
    """How many of the lowest values, and of the highest, are not needed around the median."""
    outside = accumulate(2 * comb(count, each) / 2**count for each in range(count))
    allowed = [chance for chance in outside if chance <= 1 - CONFIDENCE]
    return max(0, len(allowed) - 1)
