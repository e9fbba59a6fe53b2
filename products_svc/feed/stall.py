"""Ends a stream whose reader does not read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from waybill.errors import StreamStalled

Message = TypeVar("Message")


async def unless_stalled(
    messages: AsyncGenerator[Message, None], stall_s: float
) -> AsyncGenerator[Message, None]:
    """`messages`, given up if the caller does not come back for the next within `stall_s` seconds.

    Writing waits for the client's flow control. A connected client that stops reading would keep
    its place among the calls, and in a snapshot the read transaction, for ever.

    Raises:
        StreamStalled: the caller was cancelled in its write, and closes this generator.
    """
    async with aclosing(messages):
        async for message in messages:
            limit = asyncio.timeout(stall_s)
            try:
                async with limit:
                    yield message
            except GeneratorExit:
                if limit.expired():
                    raise StreamStalled from None
                raise
