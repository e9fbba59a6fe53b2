"""Taking messages from a consumer of a JetStream stream, one connection long."""

from collections.abc import AsyncGenerator, Awaitable, Callable

from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg

from shop.products.v1.products_pb2 import WatchAccessResponse
from waybill.jetstream import JetStreamUnavailable, translated

IN_FLIGHT = 256
"""Most messages that are sent ahead of what has been applied."""

MakeConsumer = Callable[[str], Awaitable[object]]
"""Makes a consumer that pushes to the inbox of this name, and wants acknowledgements."""


async def delivered(client: Client, make_consumer: MakeConsumer) -> AsyncGenerator[Msg, None]:
    """What the consumer pushes; each is acknowledged when the next one is asked for.

    Raises:
        JetStreamUnavailable: there is no consumer to be had, or the connection is lost.
    """
    inbox = client.new_inbox()
    with translated():
        subscription = await client.subscribe(inbox)
        await make_consumer(inbox)
    async for message in subscription.messages:
        yield message
        with translated():
            await message.ack()
    raise JetStreamUnavailable("the connection to NATS is lost")


def event_of(data: bytes) -> WatchAccessResponse:
    """The event that a message holds.

    Raises:
        JetStreamUnavailable: somebody publishes what is no event.
    """
    try:
        return WatchAccessResponse.FromString(data)
    except DecodeError as error:
        raise JetStreamUnavailable("the stream holds something that is no event") from error
