"""Taking messages from a consumer of a JetStream stream, one connection long.

A cluster draws the server that a new consumer begins with, and after a crash it may go on to draw
the one that is missing, for minutes or for ever. For such a consumer nobody answers until the next
election, if at all. So one that is not there soon is asked for anew, which draws again.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.client import JetStreamContext

from orders_svc.feed.recent import Logged
from shop.products.v1.products_pb2 import WatchAccessResponse
from waybill.jetstream import TIMEOUT_S, JetStreamUnavailable, translated

IN_FLIGHT = 256
"""Most messages that are sent ahead of what has been applied."""
PATIENCE_S = (0.25,) * 4 + (0.5,) * 4 + (TIMEOUT_S,)
"""How long each question may take, try by try: little at first, since a living server answers
within milliseconds, and at last as long as any, in case that all of them are slow."""

MakeConsumer = Callable[[JetStreamContext, str], Awaitable[object]]
"""Makes a consumer that pushes to the inbox of this name, and wants acknowledgements.

Raises TimeoutError where nobody answers; then it is called again, with another inbox.
"""


async def delivered(client: Client, make_consumer: MakeConsumer) -> AsyncGenerator[Logged, None]:
    """What the consumer pushes; each is acknowledged when the next one is asked for.

    Raises:
        JetStreamUnavailable: there is no consumer to be had, the connection is lost, or somebody
            publishes what is no event.
    """
    with translated():
        subscription = await _subscribed(client, make_consumer)
    async for message in subscription.messages:
        yield _logged(message)
        with translated():
            await message.ack()
    raise JetStreamUnavailable("the connection to NATS is lost")


async def _subscribed(client: Client, make_consumer: MakeConsumer) -> Subscription:
    """What a consumer pushes to. One that is there after all, too late, has nobody to push to."""
    *tries, last = PATIENCE_S
    for patience_s in tries:
        with suppress(TimeoutError):
            return await _once_subscribed(client, make_consumer, patience_s)
    return await _once_subscribed(client, make_consumer, last)


async def _once_subscribed(
    client: Client, make_consumer: MakeConsumer, patience_s: float
) -> Subscription:
    subscription = await client.subscribe(client.new_inbox())
    try:
        await make_consumer(client.jetstream(timeout=patience_s), subscription.subject)
    except TimeoutError:
        await subscription.unsubscribe()
        raise
    return subscription


def _logged(message: Msg) -> Logged:
    with translated():
        logged_at = message.metadata.timestamp.timestamp()
    return Logged(event_of(message.data), logged_at)


def event_of(data: bytes) -> WatchAccessResponse:
    """The event that a message holds.

    Raises:
        JetStreamUnavailable: somebody publishes what is no event.
    """
    try:
        return WatchAccessResponse.FromString(data)
    except DecodeError as error:
        raise JetStreamUnavailable("the stream holds something that is no event") from error
