"""What the store holds for a handle: one state in one or more versions of its message.

A record is a series of `google.protobuf.Any`, each preceded by its length as a varint (the
delimited form of protobuf's libraries). The type says the version, and a reader takes the newest
that it knows, as with state that travels.
"""

import re
from collections.abc import Iterable, Mapping
from io import BytesIO

from google.protobuf import proto
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message


def encode(messages: Iterable[Message]) -> bytes:
    """A record of `messages`, one for each version."""
    record = BytesIO()
    for message in messages:
        packed = Any()
        packed.Pack(message, deterministic=True)
        proto.serialize_length_prefixed(packed, record)
    return record.getvalue()


def decode(record: bytes, family: re.Pattern[str]) -> Mapping[int, bytes]:
    """The serialised message of each version; group 1 of `family` is the version in a type's name.

    Raises:
        ValueError: it is no record, holds a type of another family, or one version twice.
    """
    found: dict[int, bytes] = {}
    for packed in _series(record):
        match = family.fullmatch(packed.TypeName())
        if match is None:
            raise ValueError("a message of another family")
        version = int(match[1])
        if version in found:
            raise ValueError("a version comes twice")
        found[version] = packed.value
    if not found:
        raise ValueError("an empty record")
    return found


def _series(record: bytes) -> Iterable[Any]:
    stream = BytesIO(record)
    while stream.tell() < len(record):
        try:
            packed = proto.parse_length_prefixed(Any, stream)
        except DecodeError as error:
            raise ValueError("no series of messages") from error
        if packed is None:
            raise ValueError("no series of messages")
        yield packed
