from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.carriers.base import KeptPage
from client.carriers.covering import covering
from client.carriers.table import CARRIERS
from waybill.strategy import Strategy
from waybill.v1.envelope_pb2 import Envelope
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState

PRODUCTS = st.sampled_from([f"sku-{n}" for n in range(8)])
NARROWING = Strategy.PAGE_PROOF
"""It sends a part of what it kept, and has tests of its own."""
TRAVELLING = [strategy for strategy in Strategy if CARRIERS[strategy].travels]


def page(products: frozenset[str], revision: int, mark: int) -> KeptPage:
    """A page whose state can be told from every other page's."""
    return KeptPage(
        products,
        revision,
        CarriedState(
            metadata=(
                ("waybill-state-v1", f"token-{mark}"),
                ("waybill-state-v2", f"two-{mark}"),
                ("waybill-reference", f"handle-{mark}"),
            ),
            envelopes=(Envelope(payload=f"{mark}".encode()),),
        ),
    )


@st.composite
def kept_pages(draw: st.DrawFn) -> list[KeptPage]:
    rows = draw(st.lists(st.tuples(st.frozensets(PRODUCTS), st.integers(1, 4)), max_size=6))
    return [page(products, revision, mark) for mark, (products, revision) in enumerate(rows)]


def newest(pages: Sequence[KeptPage], product_id: str) -> KeptPage | None:
    """The plain reading of the rule: the last kept among those of the highest revision."""
    holding = [page for page in pages if product_id in page.product_ids]
    top = max((page.revision for page in holding), default=0)
    return next((page for page in reversed(holding) if page.revision == top), None)


@given(kept_pages(), st.sets(PRODUCTS))
def test_shows_the_newest_page_of_each_product_and_no_other(
    pages: list[KeptPage], order: set[str]
) -> None:
    chosen = covering(pages, order)
    expected = {id(page) for product_id in order if (page := newest(pages, product_id))}
    assert {id(page) for page in chosen} == expected
    assert len(chosen) == len(expected)


@given(kept_pages(), st.sets(PRODUCTS))
def test_covers_everything_that_any_page_covers(pages: list[KeptPage], order: set[str]) -> None:
    known = frozenset[str]().union(*(page.product_ids for page in pages))
    covered = frozenset[str]().union(*(page.product_ids for page in covering(pages, order)))
    assert order & covered == order & known


@given(kept_pages(), st.sets(PRODUCTS))
def test_newest_page_first(pages: list[KeptPage], order: set[str]) -> None:
    revisions = [page.revision for page in covering(pages, order)]
    assert revisions == sorted(revisions, reverse=True)


@given(st.lists(st.frozensets(PRODUCTS, min_size=1), max_size=5), st.sets(PRODUCTS))
def test_one_listing_shows_one_page_for_each_page_that_the_order_touches(
    parts: list[frozenset[str]], order: set[str]
) -> None:
    seen: set[str] = set()
    pages = []
    for mark, part in enumerate(parts):
        pages.append(page(part - seen, 1, mark))
        seen |= part
    assert len(covering(pages, order)) == sum(1 for page in pages if page.product_ids & order)


def test_a_newer_page_wins_over_an_older_one_that_holds_more() -> None:
    wide, narrow = page(frozenset("abc"), 1, 0), page(frozenset("a"), 2, 1)
    assert covering([wide, narrow], ["a"]) == [narrow]
    assert covering([wide, narrow], ["a", "b"]) == [narrow, wide]


def test_among_equal_revisions_the_one_kept_last_wins() -> None:
    first, again = page(frozenset("ab"), 1, 0), page(frozenset("ab"), 1, 1)
    assert covering([first, again], ["a"]) == [again]


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_has_a_carrier(strategy: Strategy) -> None:
    assert strategy in CARRIERS


@pytest.mark.parametrize("strategy", [each for each in Strategy if each is not NARROWING])
@given(kept_pages(), st.sets(PRODUCTS))
def test_every_other_carrier_sends_exactly_what_it_kept(
    strategy: Strategy, pages: list[KeptPage], order: set[str]
) -> None:
    carrier = CARRIERS[strategy]
    kept = [
        KeptPage(
            page.product_ids,
            page.revision,
            carrier.keep(CarriedState(metadata=(("date", "today"),)) + page.carried),
        )
        for page in pages
    ]
    carried = carrier.carry(kept, order)
    expected = sum((page.carried for page in covering(kept, order)), start=CarriedState())
    assert carried == expected
    assert bool(carried.size_bytes) == (carrier.travels and bool(covering(kept, order)))


@pytest.mark.parametrize("strategy", TRAVELLING)
def test_a_carrier_uses_one_way_only(strategy: Strategy) -> None:
    entries = ("waybill-state-v1", "x"), ("waybill-reference", "x")
    arrived = CarriedState(entries, (Envelope(),), (PageProof(),))
    kept = CARRIERS[strategy].keep(arrived)
    assert len(kept.metadata) + len(kept.envelopes) + len(kept.proofs) == 1


def test_only_state_entries_are_kept_and_all_versions() -> None:
    metadata = (
        ("authorization", "Bearer x"),
        ("waybill-state-v1", "one"),
        ("waybill-state-v12", "twelve"),
        ("waybill-state-v1", "one more"),
        ("waybill-state-vx", "no"),
        ("waybill-state-v", "no"),
        ("waybill-strategy", "no"),
    )
    kept = CARRIERS[Strategy.METADATA_JWT].keep(CarriedState(metadata=metadata))
    assert [value for _, value in kept.metadata] == ["one", "twelve", "one more"]
