"""Arrivals come when they are due, whatever happened before."""

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from loadtest.pacing import endless, fixed_count, pace
from waybill.testing import FakeClock


@given(
    count=st.integers(0, 2000),
    duration=st.floats(0.1, 5),
    seed=st.integers(0, 1000),
)
def test_fixed_count_is_exact_ordered_and_within_the_phase(
    count: int, duration: float, seed: int
) -> None:
    offsets = list(fixed_count(count, duration, Random(seed)))
    assert len(offsets) == count
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= duration for offset in offsets)


def test_the_same_seed_gives_the_same_arrivals() -> None:
    assert list(fixed_count(100, 1, Random("a"))) == list(fixed_count(100, 1, Random("a")))
    assert list(fixed_count(100, 1, Random("a"))) != list(fixed_count(100, 1, Random("b")))


def test_endless_arrivals_rise_at_about_their_rate() -> None:
    offsets = list(islice(endless(50, Random(1)), 5000))
    assert offsets == sorted(offsets)
    assert 90 < offsets[-1] < 110


def test_each_arrival_is_sent_when_it_is_due() -> None:
    clock = FakeClock(100.0)
    sent: list[tuple[float, float]] = []
    pace(
        [0.5, 1.0, 3.0],
        lambda due: sent.append((due, clock())),
        clock=clock,
        sleep=clock.advance,
    )
    assert sent == [(100.5, 100.5), (101.0, 101.0), (103.0, 103.0)]


def test_after_a_stall_overdue_arrivals_keep_their_intended_times() -> None:
    clock = FakeClock(0.0)
    sent: list[tuple[float, float]] = []

    def send(due: float) -> None:
        sent.append((due, clock()))
        if due == 1.0:
            clock.advance(10.0)

    pace([1.0, 2.0, 3.0, 12.0], send, clock=clock, sleep=clock.advance)
    assert sent == [(1.0, 1.0), (2.0, 11.0), (3.0, 11.0), (12.0, 12.0)]
