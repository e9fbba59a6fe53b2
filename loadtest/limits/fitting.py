"""How many ids fit: tokens as the products service issues them, held against measured limits."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from loadtest.finished import finished
from loadtest.limits.entries import Pair
from mesh.known import HeaderLimits, KnownLimits
from products_svc import state_v1, state_v2
from products_svc.catalogue.ids import IdKind, product_ids
from products_svc.issuing import AccessPage, Grant
from products_svc.strategies.metadata_jwt import Claims, MetadataJwtIssuer
from products_svc.terms import Terms
from waybill.metadata import AUTHORIZATION, STRATEGY
from waybill.signing import SigningKey
from waybill.strategy import Strategy

MOST_IDS = 10_000
"""The largest page of products, and so the most that one state can cover."""

PRICE_MICROS = 12_990_000
TTL_S = 300
NOW = 1_800_000_000.0
SEED = 4

ENCODINGS: Mapping[str, tuple[int, Claims]] = {
    "jwt v1": (1, state_v1.claims),
    "jwt v2": (2, state_v2.claims),
}

GRPCIO_REQUEST: Sequence[Pair] = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/shop.orders.v1.OrdersService/PlaceOrder"),
    (":authority", "orders.internal:50052"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
    ("user-agent", "grpc-python/1.85.1 grpc-c/54.0.0 (linux; chttp2)"),
    ("grpc-accept-encoding", "identity, deflate, gzip"),
    ("grpc-timeout", "999m"),
    (STRATEGY, Strategy.METADATA_JWT.value),
)
"""What an order's header holds beside credential and state, as gRPC for Python sends it."""

GRPCIO_INITIAL: Sequence[Pair] = (
    (":status", "200"),
    ("content-type", "application/grpc"),
    ("grpc-accept-encoding", "identity, deflate, gzip"),
)
"""What the answer of ListProducts holds beside the state."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The most ids in one token that pass, on the way to the client and on the way to orders."""

    subject: str
    kind: IdKind
    encoding: str
    algorithm: str
    authorization_bytes: int
    request_ids: int | None
    initial_ids: int | None
    """None where the subject has no part in that direction."""

    @property
    def ids(self) -> int:
        """What fits both ways."""
        return min(n for n in (self.request_ids, self.initial_ids) if n is not None)

    @property
    def capped(self) -> bool:
        """More would fit, but a page holds no more."""
        return self.ids == MOST_IDS


class _OneKey:
    """The same key at each call."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def current(self) -> SigningKey:
        return self._key


class Tokens:
    """State entries for `n` ids, of every kind and encoding; each made once."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @property
    def algorithm(self) -> str:
        """The signature's algorithm, as JOSE names it."""
        return self._key.verifying_key().algorithm

    @functools.cache  # noqa: B019 - as many entries as a bisection has steps; ends with the run
    def entry(self, kind: IdKind, encoding: str, count: int) -> Pair:
        """The metadata entry that carries `count` ids."""
        version, claims = ENCODINGS[encoding]
        terms = Terms("products", "orders", TTL_S, lambda: NOW)
        issuer = MetadataJwtIssuer(_OneKey(self._key), terms, {version: claims})
        grants = tuple(Grant(one, 0, PRICE_MICROS) for one in _ids(kind)[:count])
        ((name, value),) = finished(issuer.issue(AccessPage("alice", grants, 1))).metadata
        return name, str(value)


@functools.cache
def _ids(kind: IdKind) -> tuple[str, ...]:
    return tuple(product_ids(kind, MOST_IDS, Random(SEED)))  # noqa: S311 - made-up data


def fits(
    subjects: Mapping[str, KnownLimits], tokens: Tokens, authorizations: Sequence[int]
) -> list[Fit]:
    """Every subject, kind and encoding, alone (0) and beside authorizations of so many bytes."""
    return [
        fit(name, known, tokens, kind, encoding, size)
        for name, known in subjects.items()
        if {"request", "initial"} & set(known.directions)
        for size in authorizations
        for encoding in ENCODINGS
        for kind in IdKind
    ]


def fit(
    subject: str,
    known: KnownLimits,
    tokens: Tokens,
    kind: IdKind,
    encoding: str,
    authorization_bytes: int,
) -> Fit:
    """The most ids of one kind and encoding that pass one subject."""
    credential = [(AUTHORIZATION, "x" * authorization_bytes)] if authorization_bytes else []

    def most(direction: str, own: Sequence[Pair]) -> int | None:
        limits = known.directions.get(direction)
        if limits is None:
            return None
        return most_ids(limits, own, lambda n: tokens.entry(kind, encoding, n))

    return Fit(
        subject=subject,
        kind=kind,
        encoding=encoding,
        algorithm=tokens.algorithm,
        authorization_bytes=authorization_bytes,
        request_ids=most("request", [*GRPCIO_REQUEST, *credential]),
        initial_ids=most("initial", GRPCIO_INITIAL),
    )


def most_ids(limits: HeaderLimits, own: Sequence[Pair], entry: Callable[[int], Pair]) -> int:
    """The largest number whose entry passes beside `own`; `MOST_IDS` at most."""
    passing, refused = 0, MOST_IDS + 1
    while refused - passing > 1:
        middle = (passing + refused) // 2
        if limits.allows([*own, entry(middle)]):
            passing = middle
        else:
            refused = middle
    return passing
