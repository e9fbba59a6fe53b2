"""Where orders learns of changes, as the settings say: from products, or from NATS."""

import hashlib
import socket
from collections.abc import Callable

from orders_svc.feed.follower import Feed
from orders_svc.feed.recent import LoggedChanges, RecentChanges
from orders_svc.products_client import ProductsClient
from orders_svc.settings import Settings
from waybill.extras import needing


def open_feed(settings: Settings, products: Feed) -> Feed:
    """The feed of the copy; `products` is the products service's own stream.

    Raises:
        ExtraMissing: the settings name a NATS server, and its library is not installed.
    """
    if settings.feed_url is None:
        return products
    with needing("nats"):
        from orders_svc.feed.jetstream import JetStreamFeed  # noqa: PLC0415 (an extra)
    consumer = settings.feed_consumer or _name_of_copy(settings)
    return JetStreamFeed(settings.feed_url, settings.feed_stream, consumer, products)


def open_recent(
    settings: Settings, products: ProductsClient, within_s: float, clock: Callable[[], float]
) -> Feed:
    """The feed of those who keep no copy, which begins with the changes of `within_s` seconds.

    Raises:
        ExtraMissing: the settings name a NATS server, and its library is not installed.
    """
    if settings.feed_url is None:
        return RecentChanges(products, within_s)
    with needing("nats"):
        from orders_svc.feed.jetstream_log import JetStreamChanges  # noqa: PLC0415 (an extra)
    stream = JetStreamChanges(settings.feed_url, settings.feed_stream)
    return LoggedChanges(stream.opened, within_s, clock)


def _name_of_copy(settings: Settings) -> str:
    """A name that no other copy has, and that this one has after every restart."""
    if settings.replica_url is None:
        where = f"{socket.gethostname()}\0{settings.replica_path.absolute()}"
    else:
        where = f"{settings.replica_url.rpartition('@')[2]}\0{settings.replica_prefix}"
    return f"orders-{hashlib.sha256(where.encode()).hexdigest()[:16]}"
