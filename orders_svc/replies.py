"""Orders as messages."""

from collections.abc import Iterable

from orders_svc.orders import Order, PlacedLine
from shop.orders.v1 import orders_pb2


def order_message(order: Order) -> orders_pb2.Order:
    """A durable order as callers see it."""
    message = checked_message(order.request_id, order.strategy, order.lines)
    message.order_id = order.order_id
    message.create_time.FromMicroseconds(order.create_time_us)
    return message


def checked_message(
    request_id: str, strategy: str, lines: Iterable[PlacedLine]
) -> orders_pb2.Order:
    """An order that could be placed and was not: without id and time."""
    return orders_pb2.Order(
        request_id=request_id,
        strategy=strategy,
        lines=[
            orders_pb2.PlacedLine(
                product_id=line.product_id,
                quantity=line.quantity,
                unit_price_micros=line.unit_price_micros,
                revision=line.revision,
            )
            for line in lines
        ],
    )
