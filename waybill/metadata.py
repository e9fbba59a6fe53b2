"""The metadata keys of Waybill, and reading them strictly.

gRPC metadata is a list of entries, in which a key may repeat. Keys are lower case.
"""

from collections.abc import Iterable

AUTHORIZATION = "authorization"
STRATEGY = "waybill-strategy"
REFERENCE = "waybill-reference"
REQUEST_ID = "x-request-id"
PROOF = "waybill-proof-bin"
"""A serialised `waybill.v1.PageProof`; one value for each page."""

Entry = tuple[str, str | bytes]
"""One metadata entry: key and value; bytes for keys that end in `-bin`."""

HEADER_OVERHEAD_BYTES = 32
"""What each entry counts beside its key and value (RFC 9113, section 6.5.2)."""


def state_key(version: int) -> str:
    """The metadata key that carries JWT state of `version`."""
    return f"waybill-state-v{version}"


def text_values(entries: Iterable[Entry], key: str) -> list[str]:
    """All text values under `key`, in order."""
    return [value for name, value in entries if name == key and isinstance(value, str)]


def size_bytes(entries: Iterable[Entry]) -> int:
    """Header list size as HTTP/2 peers count it: key, value and 32 bytes for each entry.

    Bytes count as the unpadded base64 that gRPC sends them in.
    """
    return sum(len(key) + value_bytes(value) + HEADER_OVERHEAD_BYTES for key, value in entries)


def value_bytes(value: str | bytes) -> int:
    """Length of a value as it travels, before compression."""
    return len(value) if isinstance(value, str) else (len(value) * 4 + 2) // 3
