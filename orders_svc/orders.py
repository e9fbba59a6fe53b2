"""Orders as values: what is asked for, what is kept, and when two requests are the same."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """One line of an order, with what vouched for it.

    `unit_price_micros` is in millionths of the currency, None where the source quoted none;
    `revision` is the products service's revision at which the entitlement was known.
    """

    product_id: str
    quantity: int
    unit_price_micros: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that may be placed and is not durable yet."""

    subject: str
    request_id: str
    strategy: str
    lines: tuple[PlacedLine, ...]

    @property
    def fingerprint(self) -> bytes:
        """What makes a repeated request the same one."""
        return fingerprint((line.product_id, line.quantity) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Order:
    """A durable order. `create_time_us` is microseconds since the Unix epoch."""

    order_id: str
    subject: str
    request_id: str
    strategy: str
    create_time_us: int
    lines: tuple[PlacedLine, ...]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Orders, newest first; `next_before` is where the next page goes on, None on the last one."""

    orders: tuple[Order, ...]
    next_before: int | None


def fingerprint(lines: Iterable[tuple[str, int]]) -> bytes:
    """SHA-256 of what a request asks for: product ids and quantities, in any order.

    Carried state, required revision and strategy stay out: a retry may well bring fresh state.
    Prices stay out too, since they are found and not asked for. Product ids never hold the
    separators (protos/rules.toml).
    """
    asked = ";".join(sorted(f"{product_id}={quantity}" for product_id, quantity in lines))
    return hashlib.sha256(asked.encode()).digest()
