"""Microseconds are kept, and merging loses nothing."""

from hypothesis import given
from hypothesis import strategies as st

from loadtest.histogram import HIGHEST_US, Latencies

durations = st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=50)


def latencies(seconds: list[float]) -> Latencies:
    made = Latencies()
    for each in seconds:
        made.record_s(each)
    return made


def test_keeps_microseconds_within_three_digits() -> None:
    assert latencies([0.000123]).percentile_us(50) == 123
    value = latencies([1.234567]).percentile_us(100)
    assert value is not None
    assert abs(value - 1_234_567) <= 1_234


def test_without_durations_there_is_no_percentile() -> None:
    assert Latencies().percentile_us(99) is None
    assert Latencies().count == 0


def test_clamps_what_is_out_of_range() -> None:
    both = latencies([-1.0, 1e9])
    assert both.count == 2
    assert both.percentile_us(1) == 1
    highest = both.percentile_us(100)
    assert highest is not None
    assert highest >= HIGHEST_US


@given(durations)
def test_survives_encoding(seconds: list[float]) -> None:
    before = latencies(seconds)
    after = Latencies.decode(before.encode())
    assert after.count == before.count
    for percentile in (0, 50, 99, 100):
        assert after.percentile_us(percentile) == before.percentile_us(percentile)


@given(durations, durations)
def test_merging_equals_recording_together(left: list[float], right: list[float]) -> None:
    merged = Latencies.merged([latencies(left).encode(), latencies(right).encode()])
    together = latencies(left + right)
    assert merged.count == together.count
    for percentile in (1, 50, 90, 99, 100):
        assert merged.percentile_us(percentile) == together.percentile_us(percentile)


def test_merging_nothing_is_empty() -> None:
    assert Latencies.merged([Latencies().encode()]).count == 0
