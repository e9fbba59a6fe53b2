"""One connection to a NATS server with JetStream (extra `nats`), which ends when it breaks.

Nothing here connects again by itself: what is done over a connection belongs together, and whoever
does it begins anew from what is stored.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from nats.aio.client import Client
from nats.errors import Error as NatsError

from waybill.cancelling import heeding_cancellation

TIMEOUT_S = 2.0
"""How long a connection, and each question over it, may take: less than a copy's lag bound, since a
question that was lost with its connection is noticed by nothing else."""


class JetStreamUnavailable(Exception):
    """The server does not answer, or refuses."""


@dataclass(frozen=True, slots=True)
class FeedSubjects:
    """What a feed's messages are published under, in the stream of this name."""

    stream: str

    @property
    def changes(self) -> str:
        """Batches of changes; all are kept, as long as the stream keeps any."""
        return f"{self.stream}.changes"

    @property
    def heartbeats(self) -> str:
        """Heartbeats; the newest is kept."""
        return f"{self.stream}.heartbeats"


@asynccontextmanager
async def connected(url: str, name: str) -> AsyncIterator[Client]:
    """A connection under a name that the server's operator sees.

    Raises:
        JetStreamUnavailable: there is none to be had, within `TIMEOUT_S`.
    """
    client = Client()
    connecting = True

    async def on_error(error: Exception) -> None:
        if connecting:  # the library would try again and again
            raise error

    try:
        with translated():
            async with asyncio.timeout(TIMEOUT_S):
                await client.connect(
                    url, name=name, allow_reconnect=False, error_cb=on_error, ping_interval=10
                )
        connecting = False
        yield client
    finally:
        connecting = False
        with heeding_cancellation():  # which closing swallows, whatever Python's release
            await client.close()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the library's errors into ours. What it says is not passed on: it may hold the URL.

    Raises:
        JetStreamUnavailable: what is done inside has failed, or was not done in time.
    """
    try:
        with heeding_cancellation():
            yield
    except (NatsError, OSError, TimeoutError) as error:
        raise JetStreamUnavailable(f"NATS failed with {type(error).__name__}") from error
