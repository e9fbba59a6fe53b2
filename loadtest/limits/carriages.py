"""What an order of one product carries of a listed page, by strategy, encoding and key algorithm.

Everything is made by the products service's own issuers and, where the client narrows it, by the
library that the client uses.
"""

import base64
import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from random import Random

from loadtest.finished import finished
from loadtest.limits.entries import Pair
from loadtest.one_key import OneKey
from products_svc import state_v1, state_v2
from products_svc.catalogue.ids import IdKind, product_ids
from products_svc.issuing import AccessPage, Grant, Issuer
from products_svc.strategies.metadata_jwt import Claims, MetadataJwtIssuer
from products_svc.strategies.page_proof import PageProofIssuer, PageVersion
from products_svc.terms import Terms
from waybill.algorithms import ALGORITHMS
from waybill.metadata import PROOF, REFERENCE
from waybill.page_proof import WholePage
from waybill.page_signing import PageSigner
from waybill.references.handle import HANDLE_BYTES
from waybill.signing import SigningKey

MOST_IDS = 10_000
"""The largest page of products, and so the most that one state can cover."""

FIRST_TRY = 64
"""A list that most hops let through."""

PRICE_MICROS = 12_990_000
TTL_S = 300
NOW = 1_800_000_000.0
SEED = 4
SUBJECT = "alice"
TERMS = Terms("products", "orders", TTL_S, lambda: NOW)
LEAF_FAMILY = "shop.state.v{version}.Grant"

TOKENS: Mapping[str, tuple[int, Claims]] = {
    "jwt v1": (1, state_v1.claims),
    "jwt v1 packed": (1, state_v1.packed_claims),
    "jwt v2": (2, state_v2.claims),
}
PROOF_V2 = "page-proof v2"
HANDLE = "reference"
ENCODINGS = (*TOKENS, PROOF_V2, HANDLE)
CONSTANT = (PROOF_V2, HANDLE)
"""Encodings whose size hardly depends on the list."""

Entries = Callable[[IdKind, int], Pair]
"""The metadata entry of an order of one product, from a page of so many ids of a kind."""


@dataclass(frozen=True, slots=True)
class Carriage:
    """One way past the hops."""

    encoding: str
    algorithm: str
    """Of the signing key, as JOSE names it; empty where nothing is signed."""
    answered: bool
    """Whether the answer of ListProducts has the same entry in its header. A page with proofs is in
    the message instead."""
    entry: Entries
    first_try: int = FIRST_TRY
    """With how many ids to begin the search for the most."""


def carriages(
    keys: Mapping[str, SigningKey], encodings: Collection[str] = ENCODINGS
) -> list[Carriage]:
    """Those of `encodings` with each of `keys`, which are by algorithm."""
    return [each for each in _all(keys) if each.encoding in encodings]


def new_keys() -> dict[str, SigningKey]:
    """A key for each algorithm."""
    return {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}


def _all(keys: Mapping[str, SigningKey]) -> Iterator[Carriage]:
    for algorithm, key in keys.items():
        for encoding in TOKENS:
            yield Carriage(encoding, algorithm, True, _tokens(key, encoding))
        yield Carriage(PROOF_V2, algorithm, False, _proofs(key), MOST_IDS)
    yield Carriage(HANDLE, "", True, _handle, MOST_IDS)


def _tokens(key: SigningKey, encoding: str) -> Entries:
    version, _ = TOKENS[encoding]

    @functools.cache  # as many entries as bisections have steps
    def entry(kind: IdKind, count: int) -> Pair:
        versions = {version: lambda _state: _content(encoding, kind, count)}
        issued = MetadataJwtIssuer(OneKey(key), TERMS, versions).issue(page(kind, count))
        ((name, value),) = finished(issued).metadata
        return name, str(value)

    return entry


@functools.cache
def _content(encoding: str, kind: IdKind, count: int) -> Mapping[str, object]:
    """A version's own claims, which are the same under every key and slow to pack."""
    _, claims = TOKENS[encoding]
    return claims(TERMS.state(page(kind, count)))


def _proofs(key: SigningKey) -> Entries:
    version = PageVersion(state_v2.leaves, PageSigner(LEAF_FAMILY, 2))
    issuer: Issuer = PageProofIssuer(OneKey(key), TERMS, [version])

    @functools.cache
    def entry(kind: IdKind, count: int) -> Pair:
        (whole,) = finished(issuer.issue(page(kind, count))).proofs
        proof = WholePage(whole).narrowed([count // 2])
        # Unpadded base64, as hops see it; implementations of gRPC may save it between themselves.
        return PROOF, base64.b64encode(proof.SerializeToString()).decode("ascii").rstrip("=")

    return entry


def _handle(_kind: IdKind, _count: int) -> Pair:
    return REFERENCE, base64.urlsafe_b64encode(bytes(HANDLE_BYTES)).decode("ascii").rstrip("=")


@functools.cache
def page(kind: IdKind, count: int) -> AccessPage:
    """The page of the first `count` made-up ids, in the order of products."""
    listed = sorted(_grants(kind)[:count], key=attrgetter("product_id"))
    return AccessPage(SUBJECT, tuple(listed), 1)


@functools.cache
def _grants(kind: IdKind) -> tuple[Grant, ...]:
    ids = product_ids(kind, MOST_IDS, Random(SEED))  # noqa: S311 - made-up data
    return tuple(Grant(one, 0, PRICE_MICROS) for one in ids)
