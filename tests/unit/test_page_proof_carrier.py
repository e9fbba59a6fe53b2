"""What a customer shows of the pages that were kept, from issuer to verifier."""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st

from client.carriers.base import KeptPage
from client.carriers.covering import covering
from client.carriers.page_proof import PageProofCarrier, product_id_of
from client.narrow import header
from loadtest.finished import finished
from orders_svc.access import AccessQuery
from orders_svc.access import Grant as KnownGrant
from orders_svc.strategies.page_proof import PageProofResolver
from orders_svc.versions import LEAF_DECODERS
from orders_svc.versions import LEAF_FAMILY as READ_FAMILY
from products_svc.issuing import AccessPage, Grant
from products_svc.strategies.page_proof import PageProofIssuer, PageVersion
from products_svc.terms import Terms
from products_svc.versions import LEAF_FAMILY, LEAVES
from shop.products.v1.products_pb2 import ListProductsResponse, Product
from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from tests.unit.crypto_kit import CLOCK, KEY, KEYS
from waybill.budget import DEFAULT_PATH, Budget, PathBudget, fixed_caps
from waybill.expectations import Expectations
from waybill.metadata import PROOF, size_bytes
from waybill.page_proof import PageProofReader
from waybill.page_signing import PageSigner
from waybill.signing import SigningKey
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState


class Ring:
    def current(self) -> SigningKey:
        return KEY


def issuer(*versions: int) -> PageProofIssuer:
    terms = Terms("products", "orders", 300, CLOCK)
    signed = [PageVersion(LEAVES[each], PageSigner(LEAF_FAMILY, each)) for each in versions]
    return PageProofIssuer(Ring(), terms, signed)


def listed(
    product_ids: Sequence[str],
    *,
    revision: int = 7,
    subject: str = "ada",
    versions: Sequence[int] = (2,),
    most: Mapping[str, int] = {},
) -> KeptPage:
    """A page as a client keeps it; `most` are maximum quantities where they are not 3."""
    grants = tuple(Grant(each, most.get(each, 3), 10**8 + revision) for each in product_ids)
    issued = finished(issuer(*versions).issue(AccessPage(subject, grants, revision)))
    return KeptPage(frozenset(product_ids), revision, PageProofCarrier(PATH).keep(issued))


def resolved(carried: CarriedState, product_ids: Collection[str]) -> dict[str, KnownGrant]:
    """What the orders service makes of it."""
    reader = PageProofReader(
        KEYS,
        Expectations("products", "orders", CLOCK),
        family=READ_FAMILY,
        decoders=LEAF_DECODERS,
    )
    query = AccessQuery(
        subject="ada",
        product_ids=list(product_ids),
        min_revision=0,
        metadata=carried.metadata,
        envelopes=(),
        time_left_s=None,
        proofs=carried.proofs,
    )
    return dict(finished(PageProofResolver(reader).resolve(query)))


def test_both_services_mean_the_same_leaves() -> None:
    assert LEAF_FAMILY == READ_FAMILY
    names = [LEAF_FAMILY.format(version=each) for each in LEAVES]
    assert names == [v1.Grant.DESCRIPTOR.full_name, v2.Grant.DESCRIPTOR.full_name]


PATH = PathBudget(DEFAULT_PATH)
PRODUCTS = [f"sku-{n}" for n in range(12)]
PAGES = st.lists(
    st.tuples(st.sets(st.sampled_from(PRODUCTS), min_size=1).map(sorted), st.integers(1, 4)),
    max_size=4,
)


@given(PAGES, st.sets(st.sampled_from(PRODUCTS), min_size=1))
def test_what_is_shown_is_granted_at_its_newest_revision(
    pages: list[tuple[list[str], int]], order: set[str]
) -> None:
    kept = [listed(product_ids, revision=revision) for product_ids, revision in pages]
    carried = PageProofCarrier(PATH).carry(kept, order)
    if not covering(kept, order):
        assert carried == CarriedState()
        return
    revisions = {
        each: max((page.revision for page in kept if each in page.product_ids), default=0)
        for each in order
    }
    expected = {each: revision for each, revision in revisions.items() if revision}
    found = resolved(carried, order)
    assert {each: grant.revision for each, grant in found.items()} == expected
    assert all(grant.unit_price_micros == 10**8 + grant.revision for grant in found.values())


@given(PAGES, st.sets(st.sampled_from(PRODUCTS), min_size=1))
def test_nothing_is_shown_that_is_not_ordered(
    pages: list[tuple[list[str], int]], order: set[str]
) -> None:
    kept = [listed(product_ids, revision=revision) for product_ids, revision in pages]
    carried = PageProofCarrier(PATH, metadata_share=0).carry(kept, order)
    shown = [product_id_of(leaf) for proof in carried.proofs for leaf in proof.leaves]
    assert len(shown) == len(set(shown))
    assert set(shown) == {each for each in order if any(each in page.product_ids for page in kept)}


def proofs_in(carried: CarriedState) -> list[PageProof]:
    return [
        PageProof.FromString(value) for _, value in carried.metadata if isinstance(value, bytes)
    ]


def test_all_versions_are_shown() -> None:
    page = listed(["a", "b"], versions=(1, 2), most={"a": 0})
    carried = PageProofCarrier(PATH).carry([page], ["a"])
    assert [proof.version for proof in proofs_in(carried)] == [1, 2]
    assert resolved(carried, ["a"]) == {"a": KnownGrant("a", 0, 10**8 + 7, 7)}


def test_version_one_knows_ids_only() -> None:
    page = listed(["a", "b"], versions=(1,), most={"a": 0})
    carried = PageProofCarrier(PATH).carry([page], ["a"])
    assert resolved(carried, ["a"]) == {"a": KnownGrant("a", 0, None, 7)}


MIXED = ("a", "b", "c", "d")
MAXIMA = {"a": 5, "b": 0, "c": 7, "d": 0}


@pytest.mark.parametrize("ordered", [["a"], ["b"], ["a", "b"], ["a", "c"], list(MIXED)])
def test_version_one_proves_places_on_its_own_shorter_page(ordered: list[str]) -> None:
    page = listed(MIXED, versions=(1,), most=MAXIMA)
    assert len(page.carried.proofs[0].leaves) == 2
    carried = PageProofCarrier(PATH).carry([page], ordered)
    found = resolved(carried, ordered)
    assert set(found) == {each for each in ordered if not MAXIMA[each]}


@pytest.mark.parametrize("ordered", [["a"], ["b"], ["a", "b"], ["a", "c"], list(MIXED)])
def test_version_two_beside_it_is_as_it_was(ordered: list[str]) -> None:
    page = listed(MIXED, versions=(1, 2), most=MAXIMA)
    found = resolved(PageProofCarrier(PATH).carry([page], ordered), ordered)
    assert {each: grant.max_quantity for each, grant in found.items()} == {
        each: MAXIMA[each] for each in ordered
    }


def test_a_page_of_maxima_has_nothing_to_say_in_version_one() -> None:
    assert listed(["a"], versions=(1,)).carried == CarriedState()
    (proof,) = listed(["a"], versions=(1, 2)).carried.proofs
    assert proof.version == 2


def test_a_proof_without_leaves_is_not_shown() -> None:
    page = KeptPage(frozenset("a"), 7, CarriedState(proofs=(PageProof(version=1),)))
    assert PageProofCarrier(PATH).carry([page], ["a"]) == CarriedState()


def test_an_empty_page_is_not_signed() -> None:
    assert finished(issuer(2).issue(AccessPage("ada", (), 7))) == CarriedState()


def test_many_proofs_go_into_the_message() -> None:
    page = listed([f"{n:064}" for n in range(100)])
    few, many = (
        PageProofCarrier(PATH).carry([page], sorted(page.product_ids)[::n]) for n in (50, 3)
    )
    assert few.metadata
    assert not few.proofs
    assert not many.metadata
    assert len(many.proofs) == 1
    for carried in (few, many):
        assert resolved(carried, page.product_ids)


def most_in_metadata(budget: Budget) -> int:
    """How many bytes of proofs, in as many pages, the carrier puts into metadata at most."""
    pages = [listed([f"{n:03}{'x' * 40}"]) for n in range(64)]
    order = [product_id for page in pages for product_id in page.product_ids]
    carried = (PageProofCarrier(budget).carry(pages, order[:n]) for n in range(1, len(order)))
    return max(size_bytes(each.metadata) for each in carried)


def test_the_default_path_has_room_for_half_of_grpcs_limit() -> None:
    assert 4096 - 300 < most_in_metadata(PATH) <= 4096


def test_a_narrower_path_sends_more_in_the_message() -> None:
    wide = PathBudget(["grpcio client", "envoy", "grpcio server:tuned"])
    assert most_in_metadata(wide) > most_in_metadata(PATH)
    assert most_in_metadata(Budget(fixed_caps(2100))) <= 1200
    assert most_in_metadata(PathBudget(DEFAULT_PATH, reserve_bytes=6000)) < 1300
    assert most_in_metadata(Budget(())) > 10_000, "no limit is set"


def test_none_in_metadata_by_setting() -> None:
    carried = PageProofCarrier(PATH, metadata_share=0).carry([listed(["a"])], ["a"])
    assert not carried.metadata
    assert resolved(carried, ["a"])


@pytest.mark.parametrize("leaf", [b"", b"\xff", b"\x08\x01"])
def test_a_leaf_that_names_no_product(leaf: bytes) -> None:
    assert product_id_of(leaf) == ""


@dataclass(frozen=True)
class Header:
    """The metadata entry of one product in the middle of a page."""

    product_ids: list[str]
    subject: str = "alice"
    revision: int = 12_345
    versions: Sequence[int] = field(default=(2,))

    @property
    def bytes(self) -> int:
        page = listed(self.product_ids, subject=self.subject, revision=self.revision)
        carried = PageProofCarrier(PATH).carry(
            [page], [self.product_ids[len(self.product_ids) // 2]]
        )
        ((key, value),) = carried.metadata
        assert key == PROOF
        assert not carried.proofs
        return size_bytes([(key, value)])


@pytest.mark.parametrize(
    ("page_size", "most"),
    [(1, 260), (2, 300), (10, 430), (100, 560), (1_000, 690), (10_000, 860)],
)
def test_the_header_grows_with_the_logarithm_of_the_page(page_size: int, most: int) -> None:
    assert Header([f"ABC-{n:06}-42" for n in range(page_size)]).bytes <= most


UUIDS = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(100)]


def test_the_header_of_a_page_of_a_hundred_with_long_names() -> None:
    """UUIDs for products and subject, and a revision that takes a million changes and more."""
    header = Header(UUIDS, subject=UUIDS[0], revision=200_000_000)
    assert header.bytes <= 600


def test_the_header_with_a_million_entitlements() -> None:
    """It depends on the page alone: the others show as a higher revision, which counts changes."""
    few, million = (Header(UUIDS, revision=each).bytes for each in (100, 1_000_000))
    assert few <= million <= few + 4
    assert million <= 600


def test_a_header_from_json() -> None:
    page = listed(["a", "b", "c"])
    answer = ListProductsResponse(
        products=[Product(product_id=each) for each in "abc"],
        revision=7,
        page_proofs=page.carried.proofs,
    )
    value = base64.b64decode(header(MessageToJson(answer), ["b"]))
    assert list(resolved(CarriedState(((PROOF, value),)), ["b"])) == ["b"]


@pytest.mark.parametrize("listing", ["", "[]", "{}", '{"nothing": 1}'])
def test_no_header_from_other_json(listing: str) -> None:
    with pytest.raises(ValueError, match="no "):
        header(listing, ["b"])
