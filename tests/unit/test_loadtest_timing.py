"""An operation and its floor are timed in the same rounds."""

import pytest

from loadtest.bench.timing import calls_for, per_call_us, race
from waybill.testing import FakeClock


def test_ratio_is_of_the_same_round() -> None:
    clock = FakeClock(0.0)
    slowness = iter([1.0] * 10_000)

    def takes(seconds: float) -> None:
        clock.advance(seconds * next(slowness))

    result = race(lambda: takes(30e-6), lambda: takes(10e-6), rounds=3, batch_s=1e-3, clock=clock)
    assert result.operation_us.median == pytest.approx(30)
    assert result.floor_us.median == pytest.approx(10)
    assert result.ratio.median == pytest.approx(3)


def test_batches_fill_their_time() -> None:
    clock = FakeClock(0.0)
    calls = calls_for(lambda: clock.advance(10e-6), 1e-3, clock)
    assert calls == pytest.approx(100, abs=1)
    assert calls_for(lambda: clock.advance(1.0), 1e-3, clock) == 1


def test_mean_of_a_batch() -> None:
    clock = FakeClock(0.0)
    assert per_call_us(lambda: clock.advance(0.5), 4, clock) == pytest.approx(500_000)
