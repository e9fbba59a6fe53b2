"""Tampering, as a customer would try it: without the key."""

from dataclasses import replace

from client.carriers.base import KeptPage
from shop.state.v2.state_pb2 import Grant
from waybill.metadata import Entry
from waybill.v1.envelope_pb2 import Envelope
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState


def tampered(page: KeptPage) -> KeptPage:
    """`page` with one character or byte of each signed content changed."""
    carried = CarriedState(
        tuple(map(_tampered_entry, page.carried.metadata)),
        tuple(map(_tampered_envelope, page.carried.envelopes)),
        tuple(map(_tampered_proof, page.carried.proofs)),
    )
    return replace(page, carried=carried)


def _tampered_entry(entry: Entry) -> Entry:
    key, token = entry
    assert isinstance(token, str), "tokens are text"
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    return key, token[:middle] + other + token[middle + 1 :]


def _tampered_envelope(envelope: Envelope) -> Envelope:
    forged = Envelope()
    forged.CopyFrom(envelope)
    payload = bytearray(envelope.payload)
    payload[len(payload) // 2] ^= 1
    forged.payload = bytes(payload)
    return forged


def _tampered_proof(page: PageProof) -> PageProof:
    """Each product with a higher maximum quantity; its id stays, so that it can be found."""
    forged = PageProof()
    forged.CopyFrom(page)
    for place, leaf in enumerate(page.leaves):
        forged.leaves[place] = leaf + Grant(max_quantity=1_000_000).SerializeToString()
    return forged
