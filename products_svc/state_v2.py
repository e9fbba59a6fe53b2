"""Version 2 of carried state: grants with a maximum quantity and a quoted price."""

from google.protobuf.timestamp_pb2 import Timestamp

from products_svc.terms import PageState
from shop.state.v2.state_pb2 import AccessState, Grant
from waybill.minting import ids_of


def claims(state: PageState) -> dict[str, object]:
    """The claims of this version: `grants`, each [product id, maximum quantity, price in micros].

    Arrays rather than objects, because the names would be most of the bytes.
    """
    return {
        "grants": [
            [grant.product_id, grant.max_quantity, grant.unit_price_micros]
            for grant in state.content
        ]
    }


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
        grants=_grants(state),
        trace_id=trace_id,
        span_id=span_id,
    )


def leaves(state: PageState) -> list[bytes]:
    """The grants as leaves of a page: a serialised Grant each."""
    return [grant.SerializeToString() for grant in _grants(state)]


def _grants(state: PageState) -> list[Grant]:
    return [
        Grant(
            product_id=grant.product_id,
            max_quantity=grant.max_quantity,
            unit_price_micros=grant.unit_price_micros,
        )
        for grant in state.content
    ]
