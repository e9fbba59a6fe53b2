"""What every version of carried state becomes: grants by product id."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from orders_svc.access import Grant
from waybill.minting import from_ids
from waybill.values import State, VerifiedState

Grants: TypeAlias = Mapping[str, Grant]

_MAX_INT64 = 2**63 - 1


class StateMessage(Protocol):
    """What the versions of `shop.state.vN.AccessState` have in common."""

    issuer: str
    audience: str
    subject: str
    revision: int
    trace_id: bytes
    span_id: bytes

    @property
    def issue_time(self) -> Timestamp: ...
    @property
    def expire_time(self) -> Timestamp: ...


def newest(states: Sequence[VerifiedState[Grants]], product_ids: Iterable[str]) -> Grants:
    """The grants of `product_ids` among `states`.

    Each state covers its own page. Where pages of different times overlap, the grant of the highest
    revision holds, as it was known last.
    """
    found: dict[str, Grant] = {}
    for state in states:
        for product_id in product_ids:
            grant = state.content.get(product_id)
            if grant is not None and _is_newer(grant, found.get(product_id)):
                found[product_id] = grant
    return found


def newest_shown(shown: Iterable[Grant], product_ids: Iterable[str]) -> Grants:
    """The grants of `product_ids` among those `shown`; of several for one, the newest."""
    wanted = frozenset(product_ids)
    found: dict[str, Grant] = {}
    for grant in shown:
        product_id = grant.product_id
        if product_id in wanted:
            known = found.get(product_id)
            if known is None or grant.revision > known.revision:
                found[product_id] = grant
    return found


def by_product_id(grants: Iterable[Grant]) -> Grants:
    """Index `grants`.

    Raises:
        ValueError: a product id is empty or comes twice.
    """
    found: dict[str, Grant] = {}
    for grant in grants:
        if named(grant.product_id) in found:
            raise ValueError("a product id comes twice")
        found[grant.product_id] = grant
    return found


def named(product_id: str) -> str:
    """`product_id`, which must name something; ValueError if it does not."""
    if not product_id:
        raise ValueError("an empty product id")
    return product_id


def text(value: object) -> str:
    """`value`, which must be text; TypeError if it is not."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def count(value: object) -> int:
    """`value`, which must be a number from 0 to 2^63-1; TypeError or ValueError if it is not."""
    if type(value) is not int:  # a bool is an int, and 3.0 equals 3
        raise TypeError("not a whole number")
    if not 0 <= value <= _MAX_INT64:
        raise ValueError("out of range")
    return value


def items(value: object) -> Sequence[object]:
    """`value`, which must be a JSON array; TypeError if it is not."""
    if not isinstance(value, list):
        raise TypeError("not an array")
    return value


def state_of(message: StateMessage, content: Grants) -> State[Grants]:
    """What `message` says, with its decoded `content`.

    Raises:
        ValueError: a number is negative.
    """
    return State(
        issuer=message.issuer,
        audience=message.audience,
        subject=message.subject,
        revision=count(message.revision),
        issue_time=count(message.issue_time.seconds),
        expire_time=count(message.expire_time.seconds),
        content=content,
        minted_in=from_ids(message.trace_id, message.span_id),
    )


def _is_newer(grant: Grant, than: Grant | None) -> bool:
    return than is None or grant.revision > than.revision
