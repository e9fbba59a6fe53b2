"""Version 1 of carried state: product ids, any quantity, no price."""

from google.protobuf.timestamp_pb2 import Timestamp

from products_svc.terms import PageState
from shop.state.v1.state_pb2 import AccessState, Grant
from waybill import base64url, id_lists
from waybill.minting import ids_of


def claims(state: PageState) -> dict[str, object]:
    """The claims of this version: `products`, an array of product ids."""
    return {"products": [grant.product_id for grant in state.content]}


def packed_claims(state: PageState) -> dict[str, object]:
    """The same content as `products_packed`: its shortest encoding, in base64url.

    Readers must know this claim before it is issued: see `docs/id-lists.md`.
    """
    packed = id_lists.best([grant.product_id for grant in state.content])
    return {"products_packed": base64url.encode(packed)}


def message(state: PageState) -> AccessState:
    """The state as a message."""
    trace_id, span_id = ids_of(state.minted_in)
    return AccessState(
        issuer=state.issuer,
        audience=state.audience,
        subject=state.subject,
        revision=state.revision,
        issue_time=Timestamp(seconds=state.issue_time),
        expire_time=Timestamp(seconds=state.expire_time),
        product_ids=[grant.product_id for grant in state.content],
        trace_id=trace_id,
        span_id=span_id,
    )


def leaves(state: PageState) -> list[bytes]:
    """The grants as leaves of a page: a serialised Grant each."""
    return [Grant(product_id=grant.product_id).SerializeToString() for grant in state.content]
