"""Every way in which an envelope can be wrong, each refused with its error."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.crypto_kit import (
    KEY,
    KEYS,
    LEEWAY_S,
    NOW,
    OTHER_KEY,
    envelope_reader,
    message_v1,
    message_v2,
)
from waybill.envelope import decode_envelope, open_envelope, pre_authentication_encoding
from waybill.errors import (
    StateExpired,
    StateInvalid,
    StateMissing,
    StateSuperseded,
    StateTooLarge,
    StateVersionUnsupported,
    SubjectMismatch,
    WaybillError,
)
from waybill.signing import SigningKey, seal
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.verified_cache import VerifiedCache

V1 = "shop.state.v1.AccessState"
V2 = "shop.state.v2.AccessState"
GOOD = seal(message_v1(), KEY)
WIRE = GOOD.SerializeToString()
UNKNOWN_FIELD = b"\x7a\x01x"  # field 15, a text


def forge(
    payload: bytes, payload_type: str = V1, key: SigningKey = KEY, key_id: str | None = None
) -> Envelope:
    """An envelope of exactly this, with a signature that holds."""
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    named = key.key_id if key_id is None else key_id
    return Envelope(
        payload_type=payload_type,
        payload=payload,
        signatures=[Signature(key_id=named, signature=signature)],
    )


def sealed(**changes: Any) -> Envelope:
    return seal(message_v1(**changes), KEY)


def changed(**changes: Any) -> Envelope:
    """The good envelope, with something other in it under the same signature."""
    envelope = Envelope()
    envelope.CopyFrom(GOOD)
    for name, value in changes.items():
        setattr(envelope, name, value)
    return envelope


def with_signatures(*signatures: Signature) -> Envelope:
    return Envelope(payload_type=GOOD.payload_type, payload=GOOD.payload, signatures=signatures)


def signature(**changes: Any) -> Signature:
    good = GOOD.signatures[0]
    return Signature(**({"key_id": good.key_id, "signature": good.signature} | changes))


def unsigned_field(*, in_signature: bool = False) -> Envelope:
    envelope = changed()
    (envelope.signatures[0] if in_signature else envelope).MergeFromString(UNKNOWN_FIELD)
    return envelope


PAYLOAD = GOOD.payload
OTHER_PAYLOAD = message_v1(subject="eve").SerializeToString()
RAW = GOOD.signatures[0].signature

UNBELIEVABLE_ROWS = {
    "another payload": changed(payload=OTHER_PAYLOAD),
    "payload cut short": changed(payload=PAYLOAD[:-1]),
    "payload extended": changed(payload=PAYLOAD + b"\x00"),
    "payload empty": changed(payload=b""),
    "payloads concatenated": changed(payload=PAYLOAD + OTHER_PAYLOAD),
    "the same payload twice": changed(payload=PAYLOAD * 2),
    "payload type of another version": changed(payload_type=V2),
    "payload type of another message": changed(payload_type="shop.state.v1.OtherState"),
    "payload type empty": changed(payload_type=""),
    "border of type and payload moved": changed(payload_type=V1[:-1], payload=b"e" + PAYLOAD),
    "no signature": with_signatures(),
    "the same signature twice": with_signatures(signature(), signature()),
    "a good signature and another": with_signatures(signature(), signature(signature=bytes(64))),
    "another signature and a good one": with_signatures(signature(key_id="x"), signature()),
    "signature empty": with_signatures(signature(signature=b"")),
    "signature all zero": with_signatures(signature(signature=bytes(64))),
    "signature too short": with_signatures(signature(signature=RAW[:-1])),
    "signature too long": with_signatures(signature(signature=RAW + b"\x00")),
    "signature of the payload alone": with_signatures(signature(signature=KEY.sign(PAYLOAD))),
    "key id missing": with_signatures(signature(key_id="")),
    "key id unknown": with_signatures(signature(key_id="somebody-else")),
    "key id too long": with_signatures(signature(key_id="k" * 65)),
    "key id path traversal": with_signatures(signature(key_id="../../dev/null")),
    "unknown field": unsigned_field(),
    "unknown field in the signature": unsigned_field(in_signature=True),
    "another key": seal(message_v1(), OTHER_KEY),
    "another key under our key id": forge(PAYLOAD, key=OTHER_KEY, key_id=KEY.key_id),
    "our key under another key id": forge(PAYLOAD, key_id=OTHER_KEY.key_id),
}

AUTHENTIC_ROWS = {
    "another family": forge(PAYLOAD, "shop.orders.v1.Order"),
    "no family": forge(PAYLOAD, "AccessState"),
    "family with a zero before the version": forge(PAYLOAD, "shop.state.v01.AccessState"),
    "family of version 0": forge(PAYLOAD, "shop.state.v0.AccessState"),
    "family with something after": forge(PAYLOAD, f"{V1}\n"),
    "family with something before": forge(PAYLOAD, f"x{V1}"),
    "family with another digit": forge(PAYLOAD, "shop.state.v١.AccessState"),  # noqa: RUF001
    "type too long": forge(PAYLOAD, "shop.state.v1." + "A" * 300),
    "payload is no protobuf": forge(b"\xff\xff\xff"),
    "payload of another version": forge(message_v2(issuer="x").SerializeToString(), V1),
    "payload empty": forge(b""),
    "issuer wrong": sealed(issuer="Products"),
    "issuer missing": sealed(issuer=""),
    "audience wrong": sealed(audience="order"),
    "audience missing": sealed(audience=""),
    "subject missing": sealed(subject=""),
    "revision negative": sealed(revision=-1),
    "revision 2**53": sealed(revision=2**53),
    "issued in the future": sealed(issue_time={"seconds": NOW + LEEWAY_S + 1}),
    "issued before 1970": sealed(issue_time={"seconds": -1}),
    "expiry negative": sealed(expire_time={"seconds": -1}),
    "expiry 2**53": sealed(expire_time={"seconds": 2**53}),
}

INVALID_ROWS = UNBELIEVABLE_ROWS | AUTHENTIC_ROWS


@pytest.fixture(params=["cached", "uncached"])
def read(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`read` of one reader, asked twice: a cache must change nothing."""
    cache = VerifiedCache(100, 100_000) if request.param == "cached" else None
    reader = envelope_reader(cache=cache)

    def read_twice(*envelopes: Envelope, subject: str = "ada", min_revision: int = 0) -> Any:
        try:
            reader.read(envelopes, subject=subject, min_revision=min_revision)
        except WaybillError as first:
            with pytest.raises(type(first)):
                reader.read(envelopes, subject=subject, min_revision=min_revision)
            raise
        return reader.read(envelopes, subject=subject, min_revision=min_revision)

    return read_twice


def test_the_good_envelope_is_good(read: Callable[..., Any]) -> None:
    (state,) = read(GOOD)
    assert (state.subject, state.content) == ("ada", ("SKU-1", "SKU-2"))
    assert decode_envelope(WIRE) == GOOD
    assert open_envelope(GOOD, KEYS) == PAYLOAD


@pytest.mark.parametrize("envelope", INVALID_ROWS.values(), ids=INVALID_ROWS.keys())
def test_envelopes_that_cannot_be_believed(envelope: Envelope, read: Callable[..., Any]) -> None:
    with pytest.raises(StateInvalid):
        read(envelope)


@pytest.mark.parametrize("envelope", UNBELIEVABLE_ROWS.values(), ids=UNBELIEVABLE_ROWS.keys())
def test_open_refuses_what_is_not_authentic(envelope: Envelope) -> None:
    with pytest.raises(StateInvalid):
        open_envelope(envelope, KEYS)


def test_open_refuses_a_type_that_is_too_long() -> None:
    open_envelope(forge(PAYLOAD, "T" * 256), KEYS)
    with pytest.raises(StateInvalid):
        open_envelope(forge(PAYLOAD, "T" * 257), KEYS)


@pytest.mark.parametrize("envelope", INVALID_ROWS.values(), ids=INVALID_ROWS.keys())
def test_one_bad_envelope_refuses_the_call(envelope: Envelope, read: Callable[..., Any]) -> None:
    with pytest.raises(StateInvalid):
        # An envelope that claims v2 is read instead of v1 ones, and fails all the same.
        read(GOOD, envelope, GOOD)


@pytest.mark.parametrize("position", range(len(WIRE)))
def test_a_bit_flipped_at_any_byte(position: int) -> None:
    cache = VerifiedCache(1000, 10**6)
    reader = envelope_reader(cache=cache)
    reader.read([GOOD], subject="ada", min_revision=0)
    for bit in range(8):
        flipped = bytearray(WIRE)
        flipped[position] ^= 1 << bit
        with pytest.raises(StateInvalid):
            open_envelope(decode_envelope(bytes(flipped)), KEYS)
        # Inside a request, protobuf decodes the envelope and knows nothing of our spelling rules.
        with pytest.raises((StateInvalid, StateVersionUnsupported)):
            reader.read([_lenient(bytes(flipped))], subject="ada", min_revision=0)
    assert len(cache) == 1


def _lenient(data: bytes) -> Envelope:
    try:
        return Envelope.FromString(data)
    except Exception:  # noqa: BLE001 (protobuf refused it: not our part of the test)
        raise StateInvalid from None


SPELLING_ROWS = {
    "nothing at all, then a field": UNKNOWN_FIELD,
    "concatenated with another": WIRE + seal(message_v1(subject="eve"), KEY).SerializeToString(),
    "concatenated with itself": WIRE + WIRE,
    "unknown field after": WIRE + UNKNOWN_FIELD,
    "unknown field before": UNKNOWN_FIELD + WIRE,
    "unknown field in the signature": b"".join(
        (
            Envelope(payload_type=V1, payload=PAYLOAD).SerializeToString(),
            b"\x1a",
            bytes([len(signature().SerializeToString() + UNKNOWN_FIELD)]),
            signature().SerializeToString() + UNKNOWN_FIELD,
        )
    ),
    "payload field twice": Envelope(payload=PAYLOAD).SerializeToString() + WIRE,
    "fields in another order": Envelope(signatures=[signature()]).SerializeToString()
    + Envelope(payload_type=V1, payload=PAYLOAD).SerializeToString(),
    "a length with a longer spelling": b"\x0a" + bytes([len(V1) | 0x80, 0]) + WIRE[2:],
    "cut short": WIRE[:-1],
    "with a byte after": WIRE + b"\x00",
    "type not UTF-8": b"\x0a\x01\xff" + WIRE,
    "text": b"hello",
}


@pytest.mark.parametrize("data", SPELLING_ROWS.values(), ids=SPELLING_ROWS.keys())
def test_other_spellings(data: bytes) -> None:
    with pytest.raises(StateInvalid):
        decode_envelope(data)


def test_two_envelopes_merged_by_protobuf(read: Callable[..., Any]) -> None:
    merged = Envelope.FromString(WIRE + seal(message_v1(subject="eve"), KEY).SerializeToString())
    assert len(merged.signatures) == 2
    with pytest.raises(StateInvalid):
        read(merged)


@pytest.mark.parametrize("late_s", [LEEWAY_S, 10**6])
def test_past_expiry(late_s: int, read: Callable[..., Any]) -> None:
    with pytest.raises(StateExpired):
        read(sealed(expire_time={"seconds": NOW - late_s}))


def test_no_expiry_is_expired(read: Callable[..., Any]) -> None:
    with pytest.raises(StateExpired):
        read(sealed(expire_time={"seconds": 0}))


def test_replayed_below_the_minimum(read: Callable[..., Any]) -> None:
    with pytest.raises(StateSuperseded) as refused:
        read(GOOD, min_revision=8)
    assert refused.value.facts == {"revision": "7", "min_revision": "8"}
    assert read(GOOD, min_revision=7)


def test_another_subject(read: Callable[..., Any]) -> None:
    with pytest.raises(SubjectMismatch):
        read(GOOD, subject="eve")


def test_nothing_carried(read: Callable[..., Any]) -> None:
    with pytest.raises(StateMissing):
        read()


def test_over_the_budget_together() -> None:
    size = GOOD.ByteSize()
    reader = envelope_reader(max_bytes=2 * size)
    assert len(reader.read([GOOD, GOOD], subject="ada", min_revision=0)) == 2
    with pytest.raises(StateTooLarge) as refused:
        reader.read([GOOD, GOOD, GOOD], subject="ada", min_revision=0)
    assert refused.value.facts == {"bytes": str(3 * size), "max_bytes": str(2 * size)}
