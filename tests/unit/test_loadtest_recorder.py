"""What a generator saw adds up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loadtest.histogram import Latencies
from loadtest.recorder import Observed, Recorder
from waybill.testing import FakeClock


def test_latency_counts_from_the_intended_start_and_service_time_from_the_actual() -> None:
    clock = FakeClock(0.0)
    recorder = Recorder(clock)
    clock.advance(1.0)
    started = recorder.start(due=0.5)
    clock.advance(0.25)
    recorder.accept(due=0.5, started=started)
    seen = recorder.observed(duration_s=1.0)
    assert _us(seen.latency) == pytest.approx(750_000, rel=1e-3)
    assert _us(seen.service_time) == pytest.approx(250_000, rel=1e-3)
    assert _us(seen.send_lag) == pytest.approx(500_000, rel=1e-3)


def test_refused_calls_stay_out_of_the_accepted_latencies() -> None:
    clock = FakeClock(0.0)
    recorder = Recorder(clock)
    recorder.start(0.0)
    clock.advance(0.5)
    recorder.refuse(0.0, "RESOURCE_EXHAUSTED")
    seen = recorder.observed(1.0)
    assert Latencies.decode(seen.latency).count == 0
    assert _us(seen.refused_latency) == pytest.approx(500_000, rel=1e-3)
    assert seen.refused == {"RESOURCE_EXHAUSTED": 1}


@given(st.lists(st.sampled_from(["ok", "refused", "dropped"])))
def test_every_arrival_is_accounted_for(fates: list[str]) -> None:
    recorder = Recorder(FakeClock())
    for fate in fates:
        if fate == "dropped":
            recorder.drop()
        elif fate == "ok":
            recorder.accept(0.0, recorder.start(0.0))
        else:
            recorder.start(0.0)
            recorder.refuse(0.0, "UNAVAILABLE UPSTREAM_UNAVAILABLE")
    seen = recorder.observed(1.0)
    assert seen.intended == len(fates)
    assert seen.ok == fates.count("ok")
    assert sum(seen.refused.values()) == fates.count("refused")
    assert seen.dropped == fates.count("dropped")


def test_a_lost_call_is_an_error_and_no_result() -> None:
    recorder = Recorder(FakeClock())
    recorder.start(0.0)
    with pytest.raises(ValidationError, match="calls were lost"):
        recorder.observed(1.0)


def test_a_generator_that_ends_late_achieved_less() -> None:
    clock = FakeClock(0.0)
    recorder = Recorder(clock)
    recorder.accept(0.0, recorder.start(0.0))
    clock.advance(4.0)
    recorder.accept(1.0, recorder.start(1.0))
    assert recorder.observed(duration_s=2.0).achieved_per_s == pytest.approx(0.5)


def test_observed_round_trips_as_json() -> None:
    seen = Recorder(FakeClock()).observed(1.0)
    assert Observed.model_validate_json(seen.model_dump_json()) == seen


def _us(encoded: str) -> int:
    value = Latencies.decode(encoded).percentile_us(50)
    assert value is not None
    return value
