"""Decides whether an order may be placed. Pure: the same for every strategy."""

from collections.abc import Iterable

from orders_svc.grants import Grants
from orders_svc.orders import PlacedLine
from shop.orders.v1.orders_pb2 import OrderLine
from waybill.errors import NotGranted

_NAMED_PRODUCTS = 20
"""Most product ids in a refusal, which travels in trailing metadata and its 8 KiB."""


def decide(lines: Iterable[OrderLine], grants: Grants) -> tuple[PlacedLine, ...]:
    """Vouch for every line, or refuse the order.

    Raises:
        NotGranted: a line has no grant, or a higher quantity than its grant. Facts: `product_ids`
            names the refused lines, and `over_maximum` those of them that a smaller quantity
            would make acceptable, as `id:maximum`; each at most 20, separated by commas.
    """
    placed: list[PlacedLine] = []
    missing: list[str] = []
    over_maximum: dict[str, int] = {}
    for line in lines:
        grant = grants.get(line.product_id)
        if grant is None:
            missing.append(line.product_id)
        elif 0 < grant.max_quantity < line.quantity:
            over_maximum[line.product_id] = grant.max_quantity
        else:
            placed.append(
                PlacedLine(line.product_id, line.quantity, grant.unit_price_micros, grant.revision)
            )
    if missing or over_maximum:
        raise _refusal(missing, over_maximum)
    return tuple(placed)


def _refusal(missing: list[str], over_maximum: dict[str, int]) -> NotGranted:
    facts = {"product_ids": ",".join([*missing, *over_maximum][:_NAMED_PRODUCTS])}
    if over_maximum:
        named = list(over_maximum.items())[:_NAMED_PRODUCTS]
        facts["over_maximum"] = ",".join(f"{each}:{maximum}" for each, maximum in named)
    return NotGranted(facts=facts)
