"""Histograms of several generators become one, exactly, however their reports arrive."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.recorder import Recorder
from loadtest.tally import Part, Tally, dump, merged, read
from tests.unit.loadtest_buckets import buckets
from waybill.testing import FakeClock

calls = st.lists(
    st.tuples(st.sampled_from(["ok", "refused", "dropped"]), st.floats(0.0001, 2.0)), max_size=20
)


def part(fates: list[tuple[str, float]]) -> Part:
    clock = FakeClock()
    recorder = Recorder(clock)
    for fate, seconds in fates:
        if fate == "dropped":
            recorder.drop()
            continue
        due = clock()
        started = recorder.start(due)
        clock.advance(seconds)
        if fate == "ok":
            recorder.accept(due, started)
        else:
            recorder.refuse(due, "UNAVAILABLE")
    return recorder.part()


@settings(max_examples=4)  # reading an encoded histogram takes a tenth of a second and more
@given(st.lists(calls, min_size=1, max_size=3))
def test_the_total_is_the_sum_of_its_parts_bucket_by_bucket(workers: list[list]) -> None:  # type: ignore[type-arg]
    parts = [part(fates) for fates in workers]
    total = merged({"row": each} for each in parts)["row"]
    assert total.ok == sum(each.ok for each in parts)
    assert total.dropped == sum(each.dropped for each in parts)
    for name in ("latency", "service_time", "refused_latency", "send_lag"):
        expected = sum((buckets(getattr(each, name)) for each in parts), start=buckets(""))
        assert buckets(getattr(total, name)) == expected


def test_reports_that_come_twice_count_once_and_later_ones_replace_earlier() -> None:
    tally = Tally()
    early, late = part([("ok", 0.1)]), part([("ok", 0.1), ("refused", 0.2)])
    tally.report("one", {"replica": early})
    tally.report("one", {"replica": late})
    tally.report("one", {"replica": late})
    tally.report("two", {"replica": early, "floor": early})
    total = tally.total()
    assert total["replica"].answered == 3
    assert total["floor"].answered == 1
    tally.clear()
    assert tally.total() == {}


def test_reports_survive_the_way() -> None:
    parts = {"replica": part([("ok", 0.1), ("dropped", 1)])}
    assert read(dump(parts)) == parts
