"""Reads version 2 of carried state: grants with a maximum quantity and a quoted price.

Readers are tolerant: fields and claims that they don't know are ignored, and so are values after
the third of a grant in claims.
"""

from collections.abc import Mapping
from typing import Any

from orders_svc.access import Grant
from orders_svc.grants import Grants, by_product_id, count, items, state_of, text
from shop.state.v2 import state_pb2
from waybill.values import State


def from_claims(claims: Mapping[str, Any]) -> Grants:
    """The content of JWT claims: `rev` is a revision, `grants` an array of grants.

    A grant is [product id, maximum quantity, unit price in micros or null].

    Raises:
        ValueError, TypeError, KeyError: the claims are no such content.
    """
    revision = count(claims["rev"])
    return by_product_id(_of_array(items(each), revision) for each in items(claims["grants"]))


def from_message(payload: bytes) -> State[Grants]:
    """A serialised `shop.state.v2.AccessState`.

    Raises:
        DecodeError: `payload` is no such message.
        ValueError: it holds an impossible value.
    """
    message = state_pb2.AccessState.FromString(payload)
    revision = message.revision
    return state_of(message, by_product_id(_of_message(each, revision) for each in message.grants))


def from_leaf(leaf: bytes, revision: int) -> Grant:
    """A serialised `shop.state.v2.Grant` of a page of that revision.

    Raises:
        DecodeError: `leaf` is no such message.
        ValueError: it names no product, or holds an impossible value.
    """
    grant = state_pb2.Grant.FromString(leaf)
    if not grant.product_id:
        raise ValueError("an empty product id")
    return _of_message(grant, revision)


def _of_array(values: Any, revision: int) -> Grant:
    product_id, max_quantity, price, *_unknown = values
    return Grant(
        text(product_id), count(max_quantity), None if price is None else count(price), revision
    )


def _of_message(grant: state_pb2.Grant, revision: int) -> Grant:
    most, price = grant.max_quantity, None
    if grant.HasField("unit_price_micros"):
        price = grant.unit_price_micros
    if most < 0 or (price is not None and price < 0):
        raise ValueError("out of range")
    return Grant(grant.product_id, most, price, revision)
