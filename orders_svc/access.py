"""What the orders service asks about a caller, and what answers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from waybill.metadata import Entry
from waybill.v1.envelope_pb2 import Envelope
from waybill.v1.page_proof_pb2 import PageProof


@dataclass(frozen=True, slots=True)
class Grant:
    """One entitlement, as the orders service knows it.

    `max_quantity` 0 means no maximum; `unit_price_micros` is None where the source quotes none;
    `revision` is the products service's revision at which this was known.
    """

    product_id: str
    max_quantity: int
    unit_price_micros: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class AccessQuery:
    """A caller's order, as far as entitlement is concerned.

    `min_revision` 0 demands nothing. `time_left_s` is what remains of the caller's deadline in
    seconds, None without one.
    """

    subject: str
    product_ids: Sequence[str]
    min_revision: int
    metadata: Sequence[Entry]
    envelopes: Sequence[Envelope]
    time_left_s: float | None
    proofs: Sequence[PageProof] = ()


class Resolver(Protocol):
    """Learns a caller's entitlements in one strategy's way."""

    async def resolve(self, query: AccessQuery) -> Mapping[str, Grant]:
        """Grants by product id, among the asked products; what is absent is not granted.

        Raises:
            waybill.errors.WaybillError: whatever `docs/` says of the strategy's refusals.
        """
        ...
