"""The buckets of an encoded histogram, to compare histograms exactly."""

from collections import Counter

from loadtest.histogram import Latencies


def buckets(encoded: str) -> Counter[int]:
    """Counts by bucket index; none for an empty text."""
    if not encoded:
        return Counter()
    histogram = Latencies.decode(encoded)._histogram
    found: Counter[int] = Counter()
    for item in histogram.get_recorded_iterator():
        found[item.value_iterated_to] += item.count_at_value_iterated_to
    return found
