"""Signed pages, and a reader of them, for tests of page proofs."""

from collections.abc import Sequence
from typing import Any

from tests.unit.crypto_kit import CLOCK, KEY, KEYS, LEEWAY_S, NOW, TTL_S
from waybill.expectations import Expectations
from waybill.keys import KeySource
from waybill.metadata import PROOF, Entry
from waybill.page_proof import PageProofReader, Proven, WholePage
from waybill.page_signing import PageSigner
from waybill.signing import SigningKey
from waybill.testing import FakeClock
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import State

FAMILY = "test.v{version}.Leaf"
LEAVES = [b"leaf %d" % number for number in range(100)]


def signed(
    leaves: Sequence[bytes] = LEAVES,
    *,
    version: int = 1,
    family: str = FAMILY,
    key: SigningKey = KEY,
    **changes: Any,
) -> PageProof:
    """A page with all its leaves."""
    said: dict[str, Any] = {
        "issuer": "products",
        "audience": "orders",
        "subject": "ada",
        "revision": 7,
        "issue_time": NOW,
        "expire_time": NOW + TTL_S,
        "content": None,
    }
    return PageSigner(family, version).sign(State(**said | changes), leaves, key)


def shown(*positions: int, page: PageProof | None = None, **changes: Any) -> PageProof:
    """A proof of some leaves."""
    return WholePage(page or signed(**changes)).narrowed(positions)


def entry(proof: PageProof) -> Entry:
    return PROOF, proof.SerializeToString()


def decoded(leaf: bytes, revision: int) -> tuple[str, int]:
    """What a reader's decoder makes of a leaf; one that it refuses starts with `bad`."""
    if leaf.startswith(b"bad"):
        raise ValueError("a bad leaf")
    return leaf.decode(), revision


def reader(
    keys: KeySource = KEYS, *, audience: str = "orders", clock: FakeClock = CLOCK, **settings: Any
) -> PageProofReader[tuple[str, int]]:
    expectations = Expectations("products", audience, clock, LEEWAY_S)
    usual: dict[str, Any] = {
        "family": FAMILY,
        "decoders": {1: decoded, 2: decoded},
    }
    return PageProofReader(keys, expectations, **usual | settings)


def read(
    *proofs: PageProof, subject: str = "ada", min_revision: int = 0, **settings: Any
) -> list[Proven[tuple[str, int]]]:
    """What a reader makes of proofs in metadata."""
    metadata = [("date", "today"), *map(entry, proofs)]
    return reader(**settings).read(metadata, (), subject=subject, min_revision=min_revision)


def names(*proofs: PageProof, **settings: Any) -> list[str]:
    return [leaf for page in read(*proofs, **settings) for leaf, _ in page.leaves]
