"""Reads version 1 of carried state: product ids, any quantity, no price.

Readers are tolerant: fields and claims that they don't know are ignored.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from orders_svc.access import Grant
from orders_svc.grants import Grants, by_product_id, count, items, named, state_of, text
from shop.state.v1 import state_pb2
from waybill import base64url, id_lists
from waybill.values import State


def from_claims(claims: Mapping[str, Any]) -> Grants:
    """The content of JWT claims: `rev` is a revision, and one claim lists the product ids.

    That is `products`, an array, or `products_packed`, base64url of `waybill.id_lists`. Both
    together could contradict each other, so they are refused.

    Raises:
        ValueError, TypeError, KeyError: the claims are no such content.
    """
    revision = count(claims["rev"])
    return by_product_id(_grant(each, revision) for each in _product_ids(claims))


def from_message(payload: bytes) -> State[Grants]:
    """A serialised `shop.state.v1.AccessState`, with `product_ids` or `packed_product_ids`.

    Raises:
        DecodeError: `payload` is no such message.
        ValueError: it holds an impossible value, two lists, or a malformed packed one.
    """
    message = state_pb2.AccessState.FromString(payload)
    ids: Iterable[str] = message.product_ids
    if message.packed_product_ids:
        if message.product_ids:
            raise ValueError("two lists of product ids")
        ids = id_lists.decode(message.packed_product_ids)
    revision = message.revision
    return state_of(message, by_product_id(_grant(each, revision) for each in ids))


def _product_ids(claims: Mapping[str, Any]) -> Iterable[str]:
    if "products_packed" not in claims:
        return map(text, items(claims["products"]))
    if "products" in claims:
        raise ValueError("two lists of product ids")
    return id_lists.decode(base64url.decode(text(claims["products_packed"]).encode("ascii")))


def from_leaf(leaf: bytes, revision: int) -> Grant:
    """A serialised `shop.state.v1.Grant` of a page of that revision.

    Raises:
        DecodeError: `leaf` is no such message.
        ValueError: it names no product.
    """
    return _grant(named(state_pb2.Grant.FromString(leaf).product_id), revision)


def _grant(product_id: str, revision: int) -> Grant:
    return Grant(product_id, max_quantity=0, unit_price_micros=None, revision=revision)
