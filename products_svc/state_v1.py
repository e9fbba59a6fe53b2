"""Version 1 of carried state: product ids, any quantity, no price.

It cannot say a maximum quantity. So a grant that has one is left out of every form, and readers of
this version refuse it (docs/adr/0023-left-out-where-it-cannot-be-said.md).
"""

from google.protobuf.timestamp_pb2 import Timestamp

from products_svc.terms import PageState
from shop.state.v1.state_pb2 import AccessState, Grant
from waybill import base64url, id_lists
from waybill.minting import ids_of


def claims(state: PageState) -> dict[str, object]:
    """The claims of this version: `products`, an array of product ids."""
    return {"products": _sayable(state)}


def packed_claims(state: PageState) -> dict[str, object]:
    """The same content as `products_packed`: its shortest encoding, in base64url.

    Readers must know this claim before it is issued: see `docs/id-lists.md`.
    """
    return {"products_packed": base64url.encode(_packed(state))}


def message(state: PageState) -> AccessState:
    """The state as a message, `product_ids` as a list."""
    said = _without_ids(state)
    said.product_ids.extend(_sayable(state))
    return said


def packed_message(state: PageState) -> AccessState:
    """The state as a message, with `packed_product_ids`: their shortest encoding.

    Readers must know this field before it is issued: see `docs/id-lists.md`.
    """
    said = _without_ids(state)
    said.packed_product_ids = _packed(state)
    return said


def _packed(state: PageState) -> bytes:
    return id_lists.best(_sayable(state))


def _without_ids(state: PageState) -> AccessState:
    trace_id, span_id = ids_of(state.minted_in)
    return AccessState(
        issuer=state.issuer,
        audience=state.audience,
        subject=state.subject,
        revision=state.revision,
        issue_time=Timestamp(seconds=state.issue_time),
        expire_time=Timestamp(seconds=state.expire_time),
        trace_id=trace_id,
        span_id=span_id,
    )


def leaves(state: PageState) -> list[bytes]:
    """The grants as leaves of a page: a serialised Grant each; may be none."""
    return [Grant(product_id=each).SerializeToString() for each in _sayable(state)]


def _sayable(state: PageState) -> list[str]:
    """The products that may be ordered in any quantity."""
    return [grant.product_id for grant in state.content if not grant.max_quantity]
