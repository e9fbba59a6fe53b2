"""The signed envelope: any protobuf message, its type, and one signature over both (DSSE v1)."""

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from waybill.errors import StateInvalid
from waybill.keys import BadSignature, KeySource, VerifyingKey, find_key, is_key_id
from waybill.v1.envelope_pb2 import Envelope

MAX_PAYLOAD_TYPE_BYTES = 256


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: type and payload with their lengths, so that neither can pass for the other.

    The PAE of DSSE v1, https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md:
    `DSSEv1 LEN(type) type LEN(payload) payload`, lengths in decimal bytes, separated by spaces.
    """
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def decode_envelope(data: bytes) -> Envelope:
    """The envelope that `data` is, in its one spelling: no unknown, repeated or reordered field.

    Raises:
        waybill.errors.StateInvalid: anything else.
    """
    try:
        envelope = Envelope.FromString(data)
    except DecodeError:
        raise StateInvalid("not an envelope") from None
    _refuse_unknown_fields(envelope)
    if envelope.SerializeToString(deterministic=True) != data:
        raise StateInvalid("an envelope in another spelling")
    return envelope


def open_envelope(envelope: Envelope, keys: KeySource) -> bytes:
    """The payload of an envelope whose one signature is by a trusted key.

    The caller has yet to look at the payload type, which is signed too.

    Raises:
        waybill.errors.StateInvalid: it has not exactly one signature, that does not hold, or there
            are fields that nobody has signed.
        waybill.errors.KeysUnavailable: no keys are loaded.
    """
    return verify_envelope(envelope, keys)[0]


def verify_envelope(envelope: Envelope, keys: KeySource) -> tuple[bytes, VerifyingKey]:
    """As `open_envelope`, with the key that vouches."""
    if len(envelope.signatures) != 1:
        raise StateInvalid("not exactly one signature")
    _refuse_unknown_fields(envelope)
    kind, payload, signature = envelope.payload_type, envelope.payload, envelope.signatures[0]
    if not kind or len(kind) > MAX_PAYLOAD_TYPE_BYTES or not is_key_id(signature.key_id):
        raise StateInvalid("a payload type or key id of the wrong form")
    key = find_key(keys, signature.key_id)
    if key is None:
        raise StateInvalid("a key that is not trusted")
    try:
        key.verify(signature.signature, pre_authentication_encoding(kind, payload))
    except BadSignature:
        raise StateInvalid("a signature that does not hold") from None
    return payload, key


def _refuse_unknown_fields(envelope: Envelope) -> None:
    """With fields that nobody has signed, one envelope has spellings without number.

    Each would take a place in the cache of those that were verified.
    """
    if any(len(UnknownFieldSet(part)) for part in (envelope, *envelope.signatures)):
        raise StateInvalid("an envelope with unknown fields")
