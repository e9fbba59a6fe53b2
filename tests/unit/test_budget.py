"""The budget against the measured limits and against any others."""

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.known import LIMITS_FILE, LimitsFile
from mesh.known import HeaderLimits as Measured
from waybill.budget import (
    ANSWER_RESERVE_BYTES,
    BOTH_WAYS,
    DEFAULT_PATH,
    RESERVE_BYTES,
    RESERVE_ENTRIES,
    Budget,
    PathBudget,
    fixed_caps,
)
from waybill.errors import StateTooLarge
from waybill.header_caps import Measure, Use
from waybill.header_limits import Direction, HeaderLimits, HopLimits, Role
from waybill.hop_limits import HOPS
from waybill.metadata import Entry, size_bytes

KEY = "waybill-state-v2"
OVERHEAD = 32
MEASURED = LimitsFile.from_text(LIMITS_FILE.read_text("utf-8")).subjects

some_limits = st.builds(
    HeaderLimits,
    total_bytes=st.none() | st.integers(0, 20_000),
    entry_bytes=st.integers(0, 40),
    value_bytes=st.none() | st.integers(0, 10_000),
    entries=st.none() | st.integers(0, 60),
    refused_above=st.none() | st.integers(0, 20_000),
)
some_hops = st.builds(
    HopLimits,
    version=st.just("1"),
    role=st.sampled_from(Role),
    request=st.none() | some_limits,
    initial=st.none() | some_limits,
)
texts = st.builds(lambda size: "x" * size, st.integers(0, 9_000))
some_state = st.lists(
    st.tuples(st.just(KEY), texts) | st.tuples(st.just("waybill-proof-bin"), st.binary()),
    max_size=50,
)


def plain(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """As on the wire."""
    return [
        (k, v if isinstance(v, str) else base64.b64encode(v).decode().rstrip("="))
        for k, v in entries
    ]


def own_header(size: int, count: int) -> list[tuple[str, str]]:
    """A call's other entries: `count` of them, `size` bytes of header list together."""
    names = [("n", "")] * count
    left = size - count * (OVERHEAD + 1)
    return [*names[1:], ("n" * (1 + left), "")]


def accepts(budget: Budget, state: Sequence[Entry]) -> bool:
    try:
        budget.check(state)
    except StateTooLarge:
        return False
    return True


def entry_of(size: int) -> Entry:
    """An entry that counts `size` bytes as HTTP/2 counts."""
    return KEY, "x" * (size - len(KEY) - OVERHEAD)


@given(some_state, st.sampled_from(sorted(HOPS)), st.integers(1, RESERVE_ENTRIES))
def test_no_measured_hop_refuses_what_passes(
    state: list[Entry], hop: str, own_entries: int
) -> None:
    for direction, reserve in (
        (Direction.REQUEST, RESERVE_BYTES),
        (Direction.INITIAL, ANSWER_RESERVE_BYTES),
    ):
        limits = MEASURED[hop].directions.get(direction.value)
        if limits and accepts(PathBudget([hop], directions=[direction]), state):
            own = own_header(reserve, min(own_entries, reserve // (OVERHEAD + 1)))
            assert not state or limits.allows([*own, *plain(state)])


@given(
    some_state, st.dictionaries(st.text(min_size=1), some_hops, min_size=1), st.integers(40, 2_000)
)
def test_no_hop_of_any_path_refuses_what_passes(
    state: list[Entry], limits: dict[str, HopLimits], reserve: int
) -> None:
    budget = PathBudget([*limits], reserve_bytes=reserve, limits=limits)
    if not state or not accepts(budget, state):
        return
    own = own_header(reserve, 1)
    for hop in limits.values():
        if hop.request:
            header = [*own, *plain(state)]
            measured = Measured(
                hop.request.total_bytes,
                hop.request.entry_bytes,
                hop.request.value_bytes,
                hop.request.entries,
            )
            assert measured.allows(header)


@given(some_state, st.lists(st.sampled_from(sorted(HOPS)), min_size=1))
def test_a_path_is_as_narrow_as_each_of_its_hops(state: list[Entry], hops: list[str]) -> None:
    whole = accepts(PathBudget(hops, directions=BOTH_WAYS), state)
    parts = [accepts(PathBudget([hop], directions=BOTH_WAYS), state) for hop in hops]
    assert not whole or all(parts)


@pytest.mark.parametrize("directions", [(Direction.REQUEST,), BOTH_WAYS])
def test_the_default_path_leaves_7168_bytes(directions: tuple[Direction, ...]) -> None:
    budget = PathBudget(DEFAULT_PATH, directions=directions)
    budget.check([entry_of(7168)])
    budget.check([entry_of(3584)] * 2)
    with pytest.raises(StateTooLarge) as refused:
        budget.check([entry_of(7169)])
    assert refused.value.facts == {
        "bytes": "7169",
        "max_bytes": "7168",
        "hop": "grpcio server",
        "direction": "request",
        "counted": "all state entries",
        "directive": "grpc.max_metadata_size, grpc.absolute_max_metadata_size",
    }


def test_a_budget_ends_where_chance_begins() -> None:
    random = HeaderLimits(total_bytes=8192, entry_bytes=32, refused_above=16384)
    assert random.certain_bytes == 8192
    assert HeaderLimits(total_bytes=4025, refused_above=3609).certain_bytes == 3609


def test_state_must_fit_both_ways() -> None:
    hops = ["grpcio client", "nginx", "grpcio server"]
    there = PathBudget(hops)
    both = PathBudget(hops, directions=BOTH_WAYS)
    state = [entry_of(5000)]
    there.check(state)
    with pytest.raises(StateTooLarge) as refused:
        both.check(state)
    assert refused.value.facts["hop"] == "nginx"
    assert refused.value.facts["direction"] == "initial"
    assert refused.value.facts["directive"] == "grpc_buffer_size"


def test_one_value_may_be_too_long_where_all_would_fit() -> None:
    limits = {"narrow": HopLimits("1", Role.PATH, HeaderLimits(30_000, 0, value_bytes=8192))}
    budget = PathBudget(["narrow"], limits=limits)
    budget.check([(KEY, "x" * 8192), (KEY, "x" * 8192)])
    with pytest.raises(StateTooLarge) as refused:
        budget.check([(KEY, "x" * 8193)])
    assert refused.value.facts["counted"] == "one value"
    assert refused.value.facts["max_bytes"] == "8192"


def test_entries_are_counted() -> None:
    limits = {"few": HopLimits("1", Role.PATH, HeaderLimits(entries=RESERVE_ENTRIES + 2))}
    budget = PathBudget(["few"], limits=limits)
    budget.check([(KEY, "x")] * 2)
    with pytest.raises(StateTooLarge) as refused:
        budget.check([(KEY, "x")] * 3)
    facts = refused.value.facts
    assert (facts["entries"], facts["max_entries"]) == ("3", "2")


def test_a_hop_may_count_more_for_an_entry_than_http2_does() -> None:
    heavy = {"heavy": HopLimits("1", Role.PATH, HeaderLimits(5000, entry_bytes=40))}
    narrowest = PathBudget(["heavy"], limits=heavy).narrowest
    assert narrowest
    state = [(KEY, "x" * (narrowest.limit - 40 - len(KEY)))]
    PathBudget(["heavy"], limits=heavy).check(state)
    own = own_header(RESERVE_BYTES, RESERVE_ENTRIES)
    assert Measured(5000, 40).allows([*own, *plain(state)])


def test_binary_values_count_as_they_travel() -> None:
    budget = Budget(fixed_caps(100))
    size = 100 - OVERHEAD - len("x-bin")
    budget.check([("x-bin", b"x" * (size * 3 // 4))])
    with pytest.raises(StateTooLarge):
        budget.check([("x-bin", b"x" * (size * 3 // 4 + 1))])


def test_what_a_hop_adds_counts_at_the_next() -> None:
    alone = PathBudget(["grpcio server"]).narrowest
    behind = PathBudget(["envoy", "grpcio server"]).narrowest
    chained = PathBudget(["envoy+haproxy", "grpcio server"]).narrowest
    assert alone
    assert behind
    assert chained
    assert alone.limit > behind.limit > chained.limit


def test_where_ends_are_named_does_not_matter() -> None:
    state = [entry_of(7000)]
    for hops in (["grpcio server", "envoy"], ["envoy", "grpcio server"]):
        with pytest.raises(StateTooLarge):
            PathBudget(hops).check(state)


def test_a_budget_by_hand_counts_as_header_list_and_names_no_hop() -> None:
    budget = Budget(fixed_caps(500))
    budget.check([entry_of(500)])
    with pytest.raises(StateTooLarge) as refused:
        budget.check([entry_of(501)])
    assert refused.value.facts == {"bytes": "501", "max_bytes": "500"}


@given(some_state)
def test_0_is_no_limit(state: list[Entry]) -> None:
    Budget(fixed_caps(0)).check(state)
    assert Budget(fixed_caps(0)).narrowest is None


@given(some_state)
def test_the_load_is_that_of_the_library(state: list[Entry]) -> None:
    use = Budget(fixed_caps(1)).tightest(state)
    text = [(key, value) for key, value in plain(state)]
    assert (use.found if use else 0) == size_bytes(text)


@pytest.mark.parametrize(("size", "warned"), [(799, False), (800, True), (1000, True)])
def test_it_warns_from_the_fraction_on(size: int, warned: bool) -> None:
    warnings: list[Use] = []
    budget = Budget(fixed_caps(1000), warn_fraction=0.8, on_warning=warnings.append)
    budget.check([entry_of(size)])
    assert bool(warnings) == warned
    assert all(use.facts == {"bytes": str(size), "max_bytes": "1000"} for use in warnings)


def test_over_the_budget_is_refused_without_a_warning() -> None:
    warnings: list[Use] = []
    budget = PathBudget(DEFAULT_PATH, directions=BOTH_WAYS, on_warning=warnings.append)
    budget.check([entry_of(7000)])
    assert len(warnings) == 1, "one, though two caps are nearly used up"
    with pytest.raises(StateTooLarge):
        budget.check([entry_of(9000)])
    assert len(warnings) == 1


@pytest.mark.parametrize("hops", [[], ["grpcio server", "ngnix"]])
def test_unknown_hops_are_named_and_known_ones_listed(hops: list[str]) -> None:
    with pytest.raises(ValueError, match=r"known are grpcio server, .*nginx:tuned"):
        PathBudget(hops)


@pytest.mark.parametrize("fraction", [0, -1, 1.1, float("nan")])
def test_a_fraction_is_a_fraction(fraction: float) -> None:
    with pytest.raises(ValueError, match="warn_fraction"):
        Budget((), warn_fraction=fraction)


def test_the_narrowest_is_met_first_by_a_growing_value() -> None:
    narrowest = PathBudget(["nginx", "grpcio server:tuned"]).narrowest
    assert narrowest
    assert (narrowest.hop, narrowest.measure, narrowest.limit) == ("nginx", Measure.VALUE, 8192)
