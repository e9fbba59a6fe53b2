"""What somebody without a key can do to make a reader look for one: name a key nobody has."""

import json
from dataclasses import replace
from random import Random

from loadtest.listing import ListedPage
from waybill import base64url
from waybill.metadata import AUTHORIZATION, Entry
from waybill.v1.envelope_pb2 import Envelope
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState

_BEARER = "Bearer "
_STATE = "waybill-state-"


def under_unknown_key(page: ListedPage, random: Random) -> ListedPage:
    """`page` with all that is signed under another key's name: its state, or the user's token."""
    name = f"unknown-{random.getrandbits(64):016x}"
    carried = page.kept.carried
    signed = CarriedState(
        tuple(_entry(each, name) for each in carried.metadata),
        tuple(_envelope(each, name) for each in carried.envelopes),
        tuple(_proof(each, random) for each in carried.proofs),
    )
    if signed != carried:
        return replace(page, kept=replace(page.kept, carried=signed))
    return replace(page, credentials=tuple(_credential(each, name) for each in page.credentials))


def renamed(token: str, name: str) -> str:
    """A JWT whose header names another key; its signature no longer holds."""
    header, rest = token.split(".", 1)
    named = {**json.loads(base64url.decode(header.encode("ascii"))), "kid": name}
    return f"{base64url.encode(json.dumps(named).encode())}.{rest}"


def _entry(entry: Entry, name: str) -> Entry:
    key, value = entry
    if key.startswith(_STATE) and isinstance(value, str):
        return key, renamed(value, name)
    return entry


def _credential(entry: Entry, name: str) -> Entry:
    key, value = entry
    if key == AUTHORIZATION and isinstance(value, str):
        return key, _BEARER + renamed(value.removeprefix(_BEARER), name)
    return entry


def _envelope(envelope: Envelope, name: str) -> Envelope:
    forged = Envelope()
    forged.CopyFrom(envelope)
    for signature in forged.signatures:
        signature.key_id = name
    return forged


def _proof(proof: PageProof, random: Random) -> PageProof:
    """The hint only helps to find the key: a page that was verified before needs none.

    So its signature is another one, too.
    """
    forged = PageProof()
    forged.CopyFrom(proof)
    forged.key_hint = random.getrandbits(32)
    forged.signature = random.randbytes(len(proof.signature))
    return forged
