"""Reads version 2 of carried state: grants with a maximum quantity and a quoted price.

Readers are tolerant: fields and claims that they don't know are ignored, and so are values after
the third of a grant in claims.
"""

from collections.abc import Mapping
from typing import Any

from orders_svc.access import Grant
from orders_svc.grants import Grants, by_product_id, count, items, named, state_of, text
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
    named(grant.product_id)
    return _of_message(grant, revision)


def _of_array(values: Any, revision: int) -> Grant:
    product_id, max_quantity, price, *_unknown = values
    return Grant(
        text(product_id), count(max_quantity), None if price is None else count(price), revision
    )


def _of_message(grant: state_pb2.Grant, revision: int) -> Grant:
    price = count(grant.unit_price_micros) if grant.HasField("unit_price_micros") else None
    return Grant(grant.product_id, count(grant.max_quantity), price, revision)
