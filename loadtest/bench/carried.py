"""Contests of the strategies that carry state: issuing and checking it, by size and id kind."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from client.carriers.base import KeptPage
from client.carriers.table import CARRIERS
from loadtest.bench.contest import Contest
from loadtest.finished import finished
from loadtest.one_key import OneKey
from orders_svc.access import AccessQuery, Resolver
from orders_svc.strategies.message_field import MessageFieldResolver
from orders_svc.strategies.metadata_jwt import MetadataJwtResolver
from orders_svc.strategies.page_proof import PageProofResolver
from orders_svc.versions import CLAIM_DECODERS, LEAF_DECODERS, MESSAGE_DECODERS, STATE_FAMILY
from products_svc.catalogue.ids import IdKind, product_ids
from products_svc.issuing import AccessPage, Grant, Issuer
from products_svc.strategies.message_field import MessageFieldIssuer
from products_svc.strategies.metadata_jwt import MetadataJwtIssuer
from products_svc.strategies.page_proof import PageProofIssuer, PageVersion
from products_svc.terms import Terms
from products_svc.versions import CLAIMS, LEAF_FAMILY, LEAVES, MESSAGES
from waybill.algorithms import DEFAULT_ALGORITHM, RSA_EXPONENT, RSA_MIN_BITS
from waybill.expectations import Expectations
from waybill.keys import KeySet, StaticKeys
from waybill.page_proof import PageProofReader
from waybill.page_signing import PageSigner
from waybill.signing import SigningKey
from waybill.state_reader import EnvelopeStateReader, JwtStateReader
from waybill.strategy import Strategy
from waybill.values import CarriedState
from waybill.verified_cache import VerifiedCache

VERSION = 2
SUBJECT = "alice"
EXPECTATIONS = Expectations("products", "orders")
MAX_BYTES = 64 << 20
"""No budget: what is asked is how the cost grows."""


def page(ids: int, kind: IdKind, seed: int) -> AccessPage:
    """A page of made-up grants, ordered by product id."""
    random = Random(f"bench {seed} {kind} {ids}")  # noqa: S311 - made-up data
    listed = sorted(product_ids(kind, ids, random))
    grants = (Grant(product_id, 0, random.randrange(10**5, 10**9)) for product_id in listed)
    return AccessPage(subject=SUBJECT, grants=tuple(grants), revision=1)


class Trade:
    """Issuers and resolvers that trust one key."""

    def __init__(self, algorithm: str = DEFAULT_ALGORITHM) -> None:
        key = SigningKey.generate(algorithm)
        self.algorithm = algorithm
        self._ring = OneKey(key)
        self._terms = Terms("products", "orders", 3600, time.time)
        self._keys = StaticKeys(KeySet.of(key.verifying_key()))

    def issuers(self) -> Iterator[tuple[Strategy, Issuer]]:
        """The issuer of each strategy that carries state."""
        yield (
            Strategy.METADATA_JWT,
            MetadataJwtIssuer(self._ring, self._terms, {VERSION: CLAIMS[VERSION]}),
        )
        yield (
            Strategy.MESSAGE_FIELD,
            MessageFieldIssuer(self._ring, self._terms, [MESSAGES[VERSION]]),
        )
        version = PageVersion(LEAVES[VERSION], PageSigner(LEAF_FAMILY, VERSION))
        yield Strategy.PAGE_PROOF, PageProofIssuer(self._ring, self._terms, [version])

    def resolver(self, strategy: Strategy, cache: VerifiedCache | None) -> Resolver:
        """The resolver of a strategy that carries state; without a cache it is always cold."""
        return {
            Strategy.METADATA_JWT: self._jwt_resolver,
            Strategy.MESSAGE_FIELD: self._envelope_resolver,
            Strategy.PAGE_PROOF: self._proof_resolver,
        }[strategy](cache)

    def _jwt_resolver(self, cache: VerifiedCache | None) -> Resolver:
        return MetadataJwtResolver(
            JwtStateReader(
                self._keys,
                EXPECTATIONS,
                decoders=CLAIM_DECODERS,
                max_bytes=MAX_BYTES,
                cache=cache,
            )
        )

    def _envelope_resolver(self, cache: VerifiedCache | None) -> Resolver:
        return MessageFieldResolver(
            EnvelopeStateReader(
                self._keys,
                EXPECTATIONS,
                family=STATE_FAMILY,
                decoders=MESSAGE_DECODERS,
                max_bytes=MAX_BYTES,
                cache=cache,
            )
        )

    def _proof_resolver(self, cache: VerifiedCache | None) -> Resolver:
        return PageProofResolver(
            PageProofReader(
                self._keys,
                EXPECTATIONS,
                family=LEAF_FAMILY,
                decoders=LEAF_DECODERS,
                cache=cache,
            )
        )


def contests(trade: Trade, ids: int, kind: IdKind, seed: int) -> Iterator[Contest]:
    """Issue, cold check and warm check of one page, for each strategy that carries state."""
    issued = page(ids, kind, seed)
    for strategy, issuer in trade.issuers():
        yield from _of_strategy(trade, strategy, issuer, issued, kind)


def _of_strategy(
    trade: Trade, strategy: Strategy, issuer: Issuer, issued: AccessPage, kind: IdKind
) -> Iterator[Contest]:
    ordered = issued.grants[len(issued.grants) // 2].product_id
    kept = finished(issuer.issue(issued))
    shown = _shown(strategy, kept, issued, ordered)
    query = _query(shown, ordered)
    cold = trade.resolver(strategy, None)
    warm = trade.resolver(strategy, VerifiedCache(16, MAX_BYTES))
    primitive = Primitive(bytes(shown.size_bytes), trade.algorithm)
    rows = (
        (
            "issue",
            kept,
            f"{primitive.name} sign",
            lambda: finished(issuer.issue(issued)),
            primitive.sign,
        ),
        (
            "check cold",
            shown,
            f"{primitive.name} verify",
            lambda: finished(cold.resolve(query)),
            primitive.verify,
        ),
        ("check warm", shown, "SHA-256", lambda: finished(warm.resolve(query)), primitive.digest),
    )
    for step, carried, floor_name, operation, floor in rows:
        yield Contest(
            step=step,
            strategy=strategy.value,
            ids=len(issued.grants),
            id_kind=kind.value,
            size_bytes=carried.size_bytes,
            floor_name=floor_name,
            operation=operation,
            floor=floor,
            algorithm=trade.algorithm,
        )


def _shown(
    strategy: Strategy, kept: CarriedState, issued: AccessPage, ordered: str
) -> CarriedState:
    """What an order of one product carries of the page's state."""
    product_ids = frozenset(grant.product_id for grant in issued.grants)
    listed = KeptPage(product_ids, issued.revision, kept)
    return CARRIERS[strategy].carry([listed], [ordered])


def _query(shown: CarriedState, ordered: str) -> AccessQuery:
    return AccessQuery(
        subject=SUBJECT,
        product_ids=(ordered,),
        min_revision=0,
        metadata=shown.metadata,
        envelopes=shown.envelopes,
        time_left_s=None,
        proofs=shown.proofs,
    )


@dataclass(frozen=True, slots=True)
class Scheme:
    """How the `cryptography` package signs for an algorithm, without anything around it."""

    name: str
    new_key: Callable[[], Any]
    options: tuple[object, ...] = ()


SCHEMES: Mapping[str, Scheme] = {
    "EdDSA": Scheme("Ed25519", Ed25519PrivateKey.generate),
    "ES256": Scheme(
        "ES256", lambda: ec.generate_private_key(ec.SECP256R1()), (ec.ECDSA(SHA256()),)
    ),
    "RS256": Scheme(
        "RS256",
        lambda: rsa.generate_private_key(RSA_EXPONENT, RSA_MIN_BITS),
        (PKCS1v15(), SHA256()),
    ),
}


class Primitive:
    """What no implementation can do without, over as many bytes."""

    def __init__(self, message: bytes, algorithm: str = DEFAULT_ALGORITHM) -> None:
        scheme = SCHEMES[algorithm]
        self.name = scheme.name
        self._message = message
        self._options = scheme.options
        self._private = scheme.new_key()
        self._public = self._private.public_key()
        self._signature = self._private.sign(message, *self._options)

    def sign(self) -> None:
        """One signature (RFC 8032, RFC 7518)."""
        self._private.sign(self._message, *self._options)

    def verify(self) -> None:
        """One verification."""
        self._public.verify(self._signature, self._message, *self._options)

    def digest(self) -> None:
        """One SHA-256."""
        hashlib.sha256(self._message).digest()
