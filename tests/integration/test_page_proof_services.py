"""Page proofs between the real services: across pages, versions and keys, in both places."""

from pathlib import Path

import grpc
import pytest

from client.carriers.base import KeptPage, kept_page
from client.carriers.page_proof import PageProofCarrier
from orders_svc.versions import LEAF_FAMILY
from shop.products.v1.products_pb2 import ListProductsRequest
from tests.contract import proof_forgery
from tests.contract.seeding import PRODUCTS
from tests.contract.world import OK, Outcome, World, world
from waybill.budget import DEFAULT_PATH, PathBudget
from waybill.metadata import AUTHORIZATION, STRATEGY
from waybill.strategy import Strategy
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState

PATH = PathBudget(DEFAULT_PATH)
IN_METADATA, IN_MESSAGE = PageProofCarrier(PATH), PageProofCarrier(PATH, metadata_share=0)
INVALID = Outcome(grpc.StatusCode.UNAUTHENTICATED, "STATE_INVALID")
MISMATCH = Outcome(grpc.StatusCode.PERMISSION_DENIED, "SUBJECT_MISMATCH")


async def listed(shop: World, subject: str, page_size: int) -> list[KeptPage]:
    """The subject's pages, as their client keeps them."""
    identity = (AUTHORIZATION, f"Bearer {shop.token(subject)}")
    pages: list[KeptPage] = []
    token = ""
    while not pages or token:
        answer = await shop._products.ListProducts(
            ListProductsRequest(page_size=page_size, page_token=token),
            metadata=[identity, (STRATEGY, Strategy.PAGE_PROOF.value)],
        )
        pages.append(kept_page(IN_METADATA, answer, ()))
        token = answer.next_page_token
    return pages


async def ordered(
    shop: World, product_ids: list[str], carried: CarriedState, subject: str = "ada"
) -> Outcome:
    return await shop.order(subject, Strategy.PAGE_PROOF, product_ids, carried)


@pytest.mark.parametrize("carrier", [IN_METADATA, IN_MESSAGE], ids=["metadata", "message"])
@pytest.mark.parametrize("page_size", [1, 2, 3])
async def test_an_order_across_pages(
    page_size: int, carrier: PageProofCarrier, tmp_path: Path, valkey_url: str
) -> None:
    async with world(tmp_path, valkey_url) as shop:
        await shop.grant("ada", *PRODUCTS)
        pages = await listed(shop, "ada", page_size)
        carried = carrier.carry(pages, PRODUCTS)
        assert len(carried.metadata or carried.proofs) == len(pages) == -(-3 // page_size)
        assert await ordered(shop, [*PRODUCTS], carried) == OK


async def test_one_order_may_show_proofs_in_both_places(tmp_path: Path, valkey_url: str) -> None:
    async with world(tmp_path, valkey_url) as shop:
        await shop.grant("ada", *PRODUCTS)
        first, *others = await listed(shop, "ada", 1)
        carried = IN_METADATA.carry([first], PRODUCTS) + IN_MESSAGE.carry(others, PRODUCTS)
        assert await ordered(shop, [*PRODUCTS], carried) == OK


async def test_the_page_as_it_was_issued_is_a_proof_of_all(tmp_path: Path, valkey_url: str) -> None:
    async with world(tmp_path, valkey_url) as shop:
        await shop.grant("ada", *PRODUCTS)
        (page,) = await listed(shop, "ada", 3)
        assert await ordered(shop, [*PRODUCTS], page.carried) == OK


async def test_an_order_across_keys(tmp_path: Path, valkey_url: str) -> None:
    """A new key settles before it signs; here it signs at once."""
    async with world(tmp_path, valkey_url) as shop:
        await shop.grant("ada", *PRODUCTS)
        first, *others = await listed(shop, "ada", 1)
        await shop.rotate_keys()
        old = IN_MESSAGE.carry([first], PRODUCTS)
        new = proof_forgery.signed_anew(
            IN_MESSAGE.carry([others[0]], PRODUCTS).proofs[0], shop.signing_key(), LEAF_FAMILY
        )
        assert old.proofs[0].key_hint != new.key_hint
        both = old + CarriedState(proofs=(new,))
        assert await ordered(shop, sorted(PRODUCTS)[:2], both) == OK
        await shop.rotate_keys()
        assert await ordered(shop, sorted(PRODUCTS)[:2], both) == INVALID


async def test_a_proof_under_the_page_of_another_is_refused(
    tmp_path: Path, valkey_url: str
) -> None:
    """Cross-subject and cross-page replay."""
    async with world(tmp_path, valkey_url) as shop:
        await shop.grant("ada", "tea", "salt")
        await shop.grant("eve", "soap", "tea")
        (adas,), (eves,) = await listed(shop, "ada", 3), await listed(shop, "eve", 3)
        (mine,) = IN_MESSAGE.carry([adas], ["tea"]).proofs
        (hers,) = IN_MESSAGE.carry([eves], ["soap"]).proofs
        assert await ordered(shop, ["soap"], CarriedState(proofs=(hers,))) == MISMATCH
        mixed = PageProof(
            version=mine.version,
            statement=mine.statement,
            signature=mine.signature,
            key_hint=mine.key_hint,
            positions=hers.positions,
            leaves=hers.leaves,
            path=hers.path,
        )
        assert await ordered(shop, ["soap"], CarriedState(proofs=(mixed,))) == INVALID


async def test_other_entitlements_do_not_change_what_is_carried(
    tmp_path: Path, valkey_url: str
) -> None:
    async with world(tmp_path, valkey_url) as shop:
        await shop.grant("ada", *PRODUCTS)
        pages = await listed(shop, "ada", 1)
        sizes = {IN_METADATA.carry([page], page.product_ids).size_bytes for page in pages}
        assert max(sizes) - min(sizes) <= 4
