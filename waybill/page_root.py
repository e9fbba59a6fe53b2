"""What is signed for a page, shared by who signs it and who checks it.

The signature covers DSSE's pre-authentication encoding of a serialised `waybill.v1.PageRoot`. Only
its middle travels: a reader puts the parties and the leaf type that it expects in front, and the
root that it computes behind. Serialised messages can be cut and joined between fields, and the cut
is unambiguous here: the first three fields are always there, and the last has a fixed length.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from waybill.envelope import pre_authentication_encoding
from waybill.v1.page_proof_pb2 import PageRoot

PAYLOAD_TYPE = PageRoot.DESCRIPTOR.full_name
_ROOT_HASH_TAG = b"\x7a\x20"
"""Field 15, length-delimited, 32 bytes."""


@dataclass(frozen=True, slots=True)
class Page:
    """The tree of a page: number of leaves, and root hash."""

    tree_size: int
    root_hash: bytes


def head(issuer: str, audience: str, leaf_type: str) -> bytes:
    """The part of a PageRoot that both sides know.

    Raises:
        ValueError: one is empty, which would leave its field out.
    """
    if not (issuer and audience and leaf_type):
        raise ValueError("issuer, audience and leaf type must be named")
    known = PageRoot(issuer=issuer, audience=audience, leaf_type=leaf_type)
    return known.SerializeToString(deterministic=True)


def signed_bytes(head: bytes, statement: bytes, root_hash: bytes) -> bytes:
    """What the signature is over."""
    payload = head + statement + _ROOT_HASH_TAG + root_hash
    return pre_authentication_encoding(PAYLOAD_TYPE, payload)


@lru_cache(maxsize=256)
def key_hint(key_id: str) -> int:
    """Says which key may have signed, in four bytes instead of an id of up to 64."""
    return int.from_bytes(sha256(key_id.encode("utf-8")).digest()[:4], "big")


def leaf_type(family: str, version: int) -> str:
    """The full name of the leaves' type: `family` with `{version}` filled in."""
    return family.format(version=version)
