"""Tampering, as a customer would try it: without the key."""

from dataclasses import replace

from client.carriers.base import KeptPage
from waybill.metadata import Entry
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import CarriedState


def tampered(page: KeptPage) -> KeptPage:
    """`page` with one character or byte of each signed content changed."""
    carried = CarriedState(
        tuple(map(_tampered_entry, page.carried.metadata)),
        tuple(map(_tampered_envelope, page.carried.envelopes)),
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
