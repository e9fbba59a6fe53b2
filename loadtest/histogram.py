"""Latencies in microseconds, in an HdrHistogram (http://hdrhistogram.org).

Load generators of the usual kind round to whole milliseconds, which is longer than most calls here
take. A histogram of three significant digits keeps every value within 0.1 %, and adding two of them
loses nothing, so that runs and workers can be merged exactly.
"""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 120_000_000
"""Two minutes; what takes longer counts as this."""
SIGNIFICANT_DIGITS = 3


class Latencies:
    """A growing set of durations. Not shared between threads."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)

    def record_s(self, seconds: float) -> None:
        """Add one duration in seconds."""
        microseconds = round(seconds * 1e6)
        self._histogram.record_value(min(max(microseconds, LOWEST_US), HIGHEST_US))

    @property
    def count(self) -> int:
        """How many durations were recorded."""
        return int(self._histogram.get_total_count())

    def percentile_us(self, percentile: float) -> int | None:
        """The smallest duration that `percentile` (0 to 100) per cent do not exceed, if any."""
        if not self.count:
            return None
        return int(self._histogram.get_value_at_percentile(percentile))

    def add(self, other: "Latencies") -> None:
        """Add all durations of `other`, exactly."""
        self._histogram.add(other._histogram)

    def encode(self) -> str:
        """The histogram in the V2 compressed format, base64, which every HdrHistogram reads."""
        return str(self._histogram.encode().decode("ascii"))

    @classmethod
    def decode(cls, text: str) -> "Latencies":
        """Read what `encode` wrote."""
        latencies = cls()
        latencies._histogram.decode_and_add(text.encode("ascii"))
        return latencies

    @classmethod
    def merged(cls, texts: Iterable[str]) -> "Latencies":
        """All durations of several encoded histograms."""
        latencies = cls()
        for text in texts:
            latencies.add(cls.decode(text))
        return latencies
