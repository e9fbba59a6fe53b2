"""What probes send, and noticing what became of it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.limits.entries import digest, entries, list_bytes, spread

SIZES = st.lists(st.integers(0, 3000), min_size=1, max_size=8)


@settings(deadline=None)
@given(SIZES)
def test_entries_have_their_sizes_and_names_of_their_own(sizes: list[int]) -> None:
    made = entries(sizes)
    assert [len(value) for _, value in made] == sizes
    assert len({name for name, _ in made}) == len(sizes)


def test_a_value_longer_than_the_filler() -> None:
    ((_, value),) = entries([200_000])
    assert len(value) == 200_000


@settings(deadline=None)
@given(SIZES)
def test_order_and_other_headers_do_not_change_the_digest(sizes: list[int]) -> None:
    made = entries(sizes)
    assert digest([("via", "1.1 x"), *reversed(made)]) == digest(made)


@settings(deadline=None)
@given(SIZES.filter(lambda sizes: sizes[0] > 0))
def test_a_cut_or_missing_entry_changes_the_digest(sizes: list[int]) -> None:
    made = entries(sizes)
    name, value = made[0]
    assert digest([(name, value[:-1]), *made[1:]]) != digest(made)
    assert digest(made[1:]) != digest(made)


@settings(deadline=None)
@given(total=st.integers(0, 10_000), count=st.integers(1, 64))
def test_a_spread_is_even_and_complete(total: int, count: int) -> None:
    sizes = spread(total, count)
    assert (len(sizes), sum(sizes)) == (count, total)
    assert max(sizes) - min(sizes) <= 1


def test_list_size_counts_name_value_and_32() -> None:
    assert list_bytes([("te", "trailers"), ("a", "")]) == 2 + 8 + 32 + 1 + 32
