"""How many ids fit: what an order carries, held against measured limits."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from loadtest.limits.carriages import FIRST_TRY, MOST_IDS, Carriage
from loadtest.limits.entries import Pair, list_bytes
from mesh.known import HeaderLimits, KnownLimits
from products_svc.catalogue.ids import IdKind
from waybill.metadata import AUTHORIZATION, STRATEGY
from waybill.strategy import Strategy

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

WEIGHED_AT = (100, MOST_IDS)
"""Pages whose state is weighed: a usual one, and the largest."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The most ids on one page of which an order of one product passes.

    Where its state is in the header of the page's answer too, it passes there as well.
    """

    subject: str
    kind: IdKind
    encoding: str
    algorithm: str
    """Of the signing key; empty where nothing is signed."""
    authorization_bytes: int
    request_ids: int | None
    initial_ids: int | None
    """None where the subject, or the state, has no part in that direction."""

    @property
    def ids(self) -> int | None:
        """What fits both ways; None where no metadata of it passes here."""
        ways = [n for n in (self.request_ids, self.initial_ids) if n is not None]
        return min(ways, default=None)

    @property
    def capped(self) -> bool:
        """More would fit, but a page holds no more."""
        return self.ids == MOST_IDS


@dataclass(frozen=True, slots=True)
class Weight:
    """Header list bytes of the state in an order of one product."""

    encoding: str
    algorithm: str
    kind: IdKind
    page_ids: int
    list_bytes: int


def weights(
    carriages: Sequence[Carriage], kinds: Collection[IdKind] = tuple(IdKind)
) -> list[Weight]:
    """Every way to carry and kind of id, for the pages of `WEIGHED_AT`."""
    return [
        Weight(one.encoding, one.algorithm, kind, ids, list_bytes([one.entry(kind, ids)]))
        for one in carriages
        for kind in kinds
        for ids in WEIGHED_AT
    ]


def fits(
    subjects: Mapping[str, KnownLimits],
    carriages: Sequence[Carriage],
    authorizations: Sequence[int],
) -> list[Fit]:
    """Every subject, way and kind, alone (0) and beside authorizations of so many bytes."""
    return [
        fit(name, known, carriage, kind, size)
        for name, known in subjects.items()
        if {"request", "initial"} & set(known.directions)
        for size in authorizations
        for carriage in carriages
        for kind in IdKind
    ]


def fit(
    subject: str, known: KnownLimits, carriage: Carriage, kind: IdKind, authorization_bytes: int
) -> Fit:
    """The most ids of one kind that pass one subject."""
    credential = [(AUTHORIZATION, "x" * authorization_bytes)] if authorization_bytes else []

    def most(direction: str, own: Sequence[Pair]) -> int | None:
        limits = known.directions.get(direction)
        if limits is None:
            return None
        return most_ids(limits, own, lambda n: carriage.entry(kind, n), carriage.first_try)

    return Fit(
        subject=subject,
        kind=kind,
        encoding=carriage.encoding,
        algorithm=carriage.algorithm,
        authorization_bytes=authorization_bytes,
        request_ids=most("request", [*GRPCIO_REQUEST, *credential]),
        initial_ids=most("initial", GRPCIO_INITIAL) if carriage.answered else None,
    )


def most_ids(
    limits: HeaderLimits,
    own: Sequence[Pair],
    entry: Callable[[int], Pair],
    first_try: int = FIRST_TRY,
) -> int:
    """The largest number whose entry passes beside `own`; `MOST_IDS` at most."""
    passing, refused = 0, first_try
    while limits.allows([*own, entry(refused)]):  # doubles, since long entries take time to make
        if refused == MOST_IDS:
            return MOST_IDS
        passing, refused = refused, min(refused * 2, MOST_IDS)
    while refused - passing > 1:
        middle = (passing + refused) // 2
        if limits.allows([*own, entry(middle)]):
            passing = middle
        else:
            refused = middle
    return passing
