"""From a simulated hop's refusals back to the rule that it follows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.limits.asks import Ask, End, Outcome
from loadtest.limits.cases import Bench, Case, measure
from loadtest.limits.derive import known_limits
from loadtest.limits.entries import entries, list_bytes
from loadtest.limits.records import Direction, Measured, Shape
from mesh.known import HeaderLimits

OWN = (
    (":method", "POST"),
    (":path", "/waybill.lab.v1.Probe/Echo"),
    ("te", "trailers"),
)
BOUND = 300_000
NAME_BYTES = 21


class SimulatedHop:
    """Refuses requests whose header its limits do not allow."""

    def __init__(self, limits: HeaderLimits) -> None:
        self._limits = limits

    def run(self, ask: Ask) -> list[Outcome]:
        header = [*OWN, *entries(ask.request)]
        passed = self._limits.allows(header)
        return [
            Outcome(
                end=End.ANSWERED if passed else End.RESET,
                grpc=0 if passed else None,
                intact=True if passed else None,
                request_bytes=list_bytes(header),
                request_entries=len(header),
            )
        ]


def probe(limits: HeaderLimits) -> HeaderLimits:
    bench = Bench(SimulatedHop(limits), confirmations=1)
    cases = [Case(Direction.REQUEST, s, 3000 if s is Shape.COUNT else BOUND) for s in Shape]
    found = Measured("hop", "1", "path", limits=tuple(measure(bench, case) for case in cases))
    return known_limits(found).directions["request"]


@settings(max_examples=20, deadline=None)
@given(total=st.integers(6000, 200_000), overhead=st.sampled_from([0, 8, 32]))
def test_a_total_limit_is_found_with_what_an_entry_counts(total: int, overhead: int) -> None:
    assert probe(HeaderLimits(total, overhead)) == HeaderLimits(total, overhead)


@settings(max_examples=20, deadline=None)
@given(value=st.integers(2000, 9000))
def test_a_limit_of_one_value_is_told_from_the_total(value: int) -> None:
    assert probe(HeaderLimits(32_768, 0, value_bytes=value)).value_bytes == value


@settings(max_examples=20, deadline=None)
@given(count=st.integers(60, 900))
def test_a_limit_of_entries_counts_pseudo_headers(count: int) -> None:
    assert probe(HeaderLimits(200_000, 0, entries=count)).entries == count


def test_entries_that_the_total_stops_are_no_limit_of_entries() -> None:
    assert probe(HeaderLimits(8192, 32)).entries is None


def test_no_limit_up_to_the_bound_is_none() -> None:
    found = probe(HeaderLimits())
    assert (found.total_bytes, found.value_bytes, found.entries) == (None, None, None)
