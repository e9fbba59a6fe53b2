"""Intervals and the ramp."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.limits.statistics import fit_ramp, ramp, wilson


@settings(deadline=None)
@given(tries=st.integers(1, 10_000), data=st.data())
def test_an_interval_holds_its_share(tries: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, tries))
    low, high = wilson(hits, tries)
    assert 0 <= low <= hits / tries + 1e-9
    assert hits / tries - 1e-9 <= high <= 1


def test_the_interval_of_wilsons_textbook_example() -> None:
    assert wilson(0, 100) == pytest.approx((0.0, 0.0370), abs=1e-4)
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_without_tries_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_ramp() -> None:
    assert [ramp(size, 8192, 16384) for size in (8192, 12288, 16384, 16385)] == [0, 0.5, 1, 1]


def test_a_fit_finds_the_ramp_that_made_the_shares() -> None:
    points = [
        (size, 10_000, round(10_000 * ramp(size, 8192, 16384))) for size in range(7000, 18_000, 500)
    ]
    soft, hard = fit_ramp(points)
    assert soft == pytest.approx(8192, abs=30)
    assert hard == pytest.approx(16384, abs=30)
