"""Signing pages: what issuers have and readers never import."""

from collections.abc import Sequence
from dataclasses import dataclass

from waybill.merkle import Tree
from waybill.minting import ids_of
from waybill.page_root import head, key_hint, leaf_type, signed_bytes
from waybill.signing import SigningKey
from waybill.v1.page_proof_pb2 import PageProof, PageRoot
from waybill.values import State


@dataclass(frozen=True, slots=True)
class PageSigner:
    """Signs pages whose leaves are of one type.

    `family` is the full name of the leaves' message with `{version}` where its number stands, such
    as `shop.state.v{version}.Grant`.
    """

    family: str
    version: int

    def sign(self, state: State[object], leaves: Sequence[bytes], key: SigningKey) -> PageProof:
        """The page that says of serialised `leaves` what `state` says, with all of them in order.

        Raises:
            ValueError: there is no leaf, or a party without a name.
        """
        if not leaves:
            raise ValueError("a page without leaves proves nothing")
        statement = _statement(state, len(leaves))
        front = head(state.issuer, state.audience, leaf_type(self.family, self.version))
        root = Tree.of(leaves).root
        return PageProof(
            version=self.version,
            statement=statement,
            signature=key.sign(signed_bytes(front, statement, root)),
            key_hint=key_hint(key.key_id),
            leaves=leaves,
        )


def _statement(state: State[object], tree_size: int) -> bytes:
    """The part of a PageRoot that travels."""
    trace_id, span_id = ids_of(state.minted_in)
    return PageRoot(
        subject=state.subject,
        revision=state.revision,
        issue_time=state.issue_time,
        lifetime=state.expire_time - state.issue_time,
        tree_size=tree_size,
        trace_id=trace_id,
        span_id=span_id,
    ).SerializeToString(deterministic=True)
