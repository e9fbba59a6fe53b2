"""The span under which state was issued: from the issuer's context to the reader's value."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from client.carriers.base import KeptPage
from client.carriers.table import CARRIERS
from orders_svc.versions import CLAIM_DECODERS, LEAF_DECODERS, MESSAGE_DECODERS
from products_svc import state_v1, state_v2
from products_svc.issuing import AccessPage, Grant
from products_svc.strategies.message_field import MessageFieldIssuer
from products_svc.strategies.metadata_jwt import MetadataJwtIssuer
from products_svc.strategies.page_proof import PageProofIssuer, PageVersion
from products_svc.strategies.reference import ReferenceIssuer
from products_svc.terms import Terms
from products_svc.versions import LEAF_FAMILY
from tests.unit.crypto_kit import CLOCK, FAMILY, KEY, KEYS
from waybill import minting
from waybill.expectations import Expectations
from waybill.metadata import size_bytes
from waybill.page_proof import PageProofReader
from waybill.page_signing import PageSigner
from waybill.references.reader import ReferenceReader
from waybill.references.testing import MemoryReferenceStore
from waybill.state_reader import EnvelopeStateReader, JwtStateReader
from waybill.strategy import Strategy
from waybill.v1.page_proof_pb2 import PageRoot
from waybill.values import CarriedState, VerifiedState

SPAN = SpanContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, False, TraceFlags(1))
UNSAMPLED = SpanContext(SPAN.trace_id, SPAN.span_id, False, TraceFlags(0))
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""The example of W3C Trace Context, section 3.2."""
PAGE = AccessPage("ada", (Grant("tea", 0, 5), Grant("zinc", 3, 7)), 7)
EXPECTATIONS = Expectations("products", "orders", CLOCK)


class Ring:
    def current(self) -> Any:
        return KEY


TERMS = Terms("products", "orders", 300, CLOCK)
STORE = MemoryReferenceStore(CLOCK)


@dataclass(frozen=True)
class Way:
    """One way for state to travel: what issues it, and what reads it."""

    issuer: Callable[[int], Any]
    read: Callable[[CarriedState], Any]

    def issued(self, version: int, page: AccessPage = PAGE) -> CarriedState:
        carried = asyncio.run(self.issuer(version).issue(page))
        assert isinstance(carried, CarriedState)
        return carried


def by_jwt(carried: CarriedState) -> Sequence[VerifiedState[Any]]:
    reader: JwtStateReader[Any] = JwtStateReader(KEYS, EXPECTATIONS, decoders=CLAIM_DECODERS)
    return reader.read(carried.metadata, subject="ada", min_revision=0)


def by_envelope(carried: CarriedState) -> Sequence[VerifiedState[Any]]:
    reader: EnvelopeStateReader[Any] = EnvelopeStateReader(
        KEYS, EXPECTATIONS, family=FAMILY, decoders=MESSAGE_DECODERS
    )
    return reader.read(carried.envelopes, subject="ada", min_revision=0)


def by_proof(carried: CarriedState) -> Sequence[VerifiedState[Any]]:
    reader: PageProofReader[Any] = PageProofReader(
        KEYS, EXPECTATIONS, family=LEAF_FAMILY, decoders=LEAF_DECODERS
    )
    return [page.state for page in reader.read((), carried.proofs, subject="ada", min_revision=0)]


def by_reference(carried: CarriedState) -> Sequence[VerifiedState[Any]]:
    reader: ReferenceReader[Any] = ReferenceReader(
        STORE, EXPECTATIONS, family=FAMILY, decoders=MESSAGE_DECODERS
    )
    return asyncio.run(reader.read(carried.metadata, subject="ada", min_revision=0))


CLAIMS = {1: state_v1.claims, 2: state_v2.claims}
MESSAGES: dict[int, Any] = {1: state_v1.message, 2: state_v2.message}
LEAVES = {1: state_v1.leaves, 2: state_v2.leaves}
WAYS = {
    Strategy.METADATA_JWT: Way(
        lambda version: MetadataJwtIssuer(Ring(), TERMS, {version: CLAIMS[version]}), by_jwt
    ),
    Strategy.MESSAGE_FIELD: Way(
        lambda version: MessageFieldIssuer(Ring(), TERMS, [MESSAGES[version]]), by_envelope
    ),
    Strategy.PAGE_PROOF: Way(
        lambda version: PageProofIssuer(
            Ring(), TERMS, [PageVersion(LEAVES[version], PageSigner(LEAF_FAMILY, version))]
        ),
        by_proof,
    ),
    Strategy.REFERENCE: Way(
        lambda version: ReferenceIssuer(STORE, TERMS, [MESSAGES[version]]), by_reference
    ),
}


@contextmanager
def within(context: SpanContext) -> Iterator[None]:
    with trace.use_span(NonRecordingSpan(context)):
        yield


def test_every_strategy_that_carries_state_is_here() -> None:
    assert WAYS.keys() == {each for each in Strategy if CARRIERS[each].travels}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("strategy", WAYS)
def test_the_reader_learns_the_span_of_issuing(strategy: Strategy, version: int) -> None:
    way = WAYS[strategy]
    with within(SPAN):
        carried = way.issued(version)
    (state,) = way.read(carried)
    assert state.minted_in is not None
    assert (state.minted_in.trace_id, state.minted_in.span_id) == (SPAN.trace_id, SPAN.span_id)
    assert state.minted_in.is_remote
    assert state.minted_in.trace_flags.sampled


@pytest.mark.parametrize("context", [trace.INVALID_SPAN_CONTEXT, UNSAMPLED])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("strategy", WAYS)
def test_nothing_is_carried_where_nothing_is_traced(
    strategy: Strategy, version: int, context: SpanContext
) -> None:
    way = WAYS[strategy]
    with within(context):
        carried = way.issued(version)
    assert carried.size_bytes == way.issued(version).size_bytes
    (state,) = way.read(carried)
    assert state.minted_in is None


def test_the_claim_is_w3cs_traceparent() -> None:
    assert minting.claims_of(SPAN) == {"traceparent": TRACEPARENT}
    assert minting.from_claim(TRACEPARENT) == minting.from_ids(*minting.ids_of(SPAN))
    assert minting.claims_of(None) == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        ["x"],
        "",
        TRACEPARENT.upper(),
        TRACEPARENT + "-x",
        "01" + TRACEPARENT[2:],
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        TRACEPARENT.replace("4bf9", "\uff14bf9"),
    ],
)
def test_a_claim_of_another_form_is_none(value: object) -> None:
    assert minting.from_claim(value) is None


@given(
    value=st.text()
    | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True)
    | st.none()
    | st.integers()
    | st.lists(st.text())
)
def test_a_claim_is_taken_as_it_was_made_or_not_at_all(value: object) -> None:
    context = minting.from_claim(value)
    made = minting.claims_of(context).get(minting.CLAIM)
    assert made is None or str(value).rpartition("-")[0] == made.rpartition("-")[0]


@given(trace_id=st.binary(max_size=20), span_id=st.binary(max_size=12))
def test_ids_are_whole_or_none(trace_id: bytes, span_id: bytes) -> None:
    context = minting.from_ids(trace_id, span_id)
    whole = len(trace_id) == 16 and len(span_id) == 8 and any(trace_id) and any(span_id)
    assert (context is not None) == whole
    assert context is None or minting.ids_of(context) == (trace_id, span_id)


def test_ids_of_another_form_do_not_refuse_the_state() -> None:
    """They are for people; who may order does not depend on them."""
    message = state_v2.message(TERMS.state(PAGE))
    message.trace_id = b"short"
    decoded = MESSAGE_DECODERS[2](message.SerializeToString())
    assert decoded.minted_in is None
    assert set(decoded.content) == {"tea", "zinc"}


def test_the_ids_are_signed() -> None:
    """Whoever changes the link of a page breaks its signature."""
    way = WAYS[Strategy.PAGE_PROOF]
    with within(SPAN):
        (proof,) = way.issued(2).proofs
    root = PageRoot.FromString(proof.statement)
    root.span_id = b"12345678"
    proof.statement = root.SerializeToString(deterministic=True)
    with pytest.raises(Exception, match="no trusted key signed this page"):
        by_proof(CarriedState(proofs=(proof,)))


def test_the_header_of_a_traced_page_of_a_hundred() -> None:
    product_ids = [f"BRY-{n:06}-42" for n in range(100)]
    page = AccessPage("alice", tuple(Grant(each, 3, 10**8) for each in product_ids), 12_345)
    sizes = []
    for context in (trace.INVALID_SPAN_CONTEXT, SPAN):
        with within(context):
            carried = WAYS[Strategy.PAGE_PROOF].issued(2, page)
        kept = KeptPage(frozenset(product_ids), 12_345, carried)
        order = CARRIERS[Strategy.PAGE_PROOF].carry([kept], [product_ids[50]])
        sizes.append(size_bytes(order.metadata))
    assert sizes[1] <= 600
    assert sizes[1] - sizes[0] <= 38
