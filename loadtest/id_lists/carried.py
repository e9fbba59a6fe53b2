"""The token that carries a list, made by the products service's own issuer, and what it fits."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.carried import SUBJECT
from loadtest.finished import finished
from loadtest.limits.entries import Pair
from loadtest.limits.fitting import GRPCIO_INITIAL, GRPCIO_REQUEST, most_ids
from loadtest.one_key import OneKey
from mesh.known import LIMITS_FILE, HeaderLimits, LimitsFile
from products_svc import state_v1
from products_svc.issuing import AccessPage, Grant
from products_svc.strategies.metadata_jwt import MetadataJwtIssuer
from products_svc.terms import PageState, Terms
from waybill import base64url, id_lists
from waybill.metadata import AUTHORIZATION
from waybill.signing import SigningKey

CREDENTIAL_BYTES = 350
"""A user's token with two roles, `Bearer` included."""

SOFT = HeaderLimits(total_bytes=8_192, entry_bytes=32)
"""gRPC's default, up to which metadata surely passes."""
HARD = HeaderLimits(total_bytes=16_384, entry_bytes=32)
"""gRPC's default, above which nothing passes; chance between the two."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What state must fit on its way in the answer of a list, and in the request of an order."""

    name: str
    initial: HeaderLimits
    request: HeaderLimits

    @property
    def limit_bytes(self) -> int | None:
        """The lowest bound on one value or a whole header; None where none was found."""
        sides = (self.initial, self.request)
        bounds = [bound for side in sides for bound in (side.total_bytes, side.value_bytes)]
        return min((each for each in bounds if each is not None), default=None)

    def most_ids(self, entry: Callable[[int], Pair]) -> int:
        """The longest list whose entry surely passes both ways; `MOST_IDS` at most."""
        credential = (AUTHORIZATION, "x" * CREDENTIAL_BYTES)
        return min(
            most_ids(self.initial, GRPCIO_INITIAL, entry),
            most_ids(self.request, [*GRPCIO_REQUEST, credential], entry),
        )


def hops(file: Path = LIMITS_FILE) -> list[Hop]:
    """GRPC's two limits, and each single hop as it comes, as far as they have been measured."""
    known = LimitsFile.from_text(file.read_text("utf-8")).subjects if file.exists() else {}
    return [
        Hop("grpc soft", SOFT, SOFT),
        Hop("grpc hard", HARD, HARD),
        *(
            Hop(name, subject.directions["initial"], subject.directions["request"])
            for name, subject in known.items()
            if subject.role == "path" and not set(name) & set(":+")
        ),
    ]


class Tokens:
    """Issues lists on any rung, as version 1 of state: `json` is the article's own claim."""

    def __init__(self) -> None:
        terms = Terms("products", "orders", 300, time.time)
        ring = OneKey(SigningKey.generate())
        self._issuers = {
            rung: MetadataJwtIssuer(ring, terms, {1: claims}) for rung, claims in _claims().items()
        }

    def entry(self, ids: Sequence[str], rung: str) -> Pair:
        """The metadata entry that carries `ids`."""
        grants = tuple(Grant(each, 0, 0) for each in sorted(ids))
        page = AccessPage(SUBJECT, grants, revision=1)
        ((name, value),) = finished(self._issuers[rung].issue(page)).metadata
        return name, str(value)


def _claims() -> Mapping[str, Callable[[PageState], Mapping[str, object]]]:
    packed = {rung: _Packed(rung) for rung in id_lists.CODECS if rung != "json"}
    return {"json": state_v1.claims, **packed}


@dataclass(frozen=True, slots=True)
class _Packed:
    rung: str

    def __call__(self, state: PageState) -> Mapping[str, object]:
        data = id_lists.encode([grant.product_id for grant in state.content], self.rung)
        return {"products_packed": base64url.encode(data)}
