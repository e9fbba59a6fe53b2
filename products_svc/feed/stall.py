"""Ends a stream whose reader does not read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

Message = TypeVar("Message")


async def unless_stalled(
    messages: AsyncGenerator[Message, None], stall_s: float
) -> AsyncGenerator[Message, None]:
    """`messages`, cancelling the call if it does not come back for the next within `stall_s`.

    A connected client that stops reading would otherwise keep the call, and in a snapshot the
    read transaction, for ever: writing waits for the client's flow control. A status could not
    reach it either, so the call is cancelled.
    """
    loop = asyncio.get_running_loop()
    call = asyncio.current_task()
    assert call is not None
    async with aclosing(messages):
        async for message in messages:
            timer = loop.call_later(stall_s, call.cancel)
            try:
                yield message
            finally:
                timer.cancel()
