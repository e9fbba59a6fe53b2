"""One connection to a NATS server with JetStream (extra `nats`), which ends when it breaks.

Nothing here connects again by itself: what is done over a connection belongs together, and whoever
does it begins anew from what is stored.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.errors import Error as NatsError

from waybill.cancelling import heeding_cancellation
from waybill.nats_address import NatsAddress, parse, trust
from waybill.tls import distrust

TIMEOUT_S = 2.0
"""How long a connection, and each question over it, may take: less than a copy's lag bound, since a
question that was lost with its connection is noticed by nothing else."""

PLAIN = "NATS does not speak TLS there: turn it on at the server; nothing was said to it"
FORBIDDEN = "NATS does not let the login do this: give it the rights of docs/engines.md"

GIVING_UP_S = 0.25
"""How long the library may take to let go of a connection that was not to be had: after a TLS
handshake that failed it would never end."""


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
    """A connection to one of the URL's servers, under a name that the server's operator sees.

    Raises:
        JetStreamUnavailable: there is none to be had, within `TIMEOUT_S`; or what is done with it
            has failed, and the server says that the login may not do it.
    """
    errors = _Errors()
    client = await _connection(parse(url), name, errors)
    try:
        yield client
    except JetStreamUnavailable as error:
        if errors.denied:
            raise JetStreamUnavailable(FORBIDDEN) from error
        raise
    finally:
        await _close(client)


class _Errors:
    """What the library tells aside of what then fails, or has no answer."""

    def __init__(self) -> None:
        self.connecting = True
        self.denied = False

    async def hear(self, error: Exception) -> None:
        if self.connecting:  # the library would try again and again
            raise error
        self.denied = self.denied or "permissions violation" in str(error).lower()


async def _connection(address: NatsAddress, name: str, errors: _Errors) -> Client:
    """A connection to any server that takes us; each has its share of the time.

    Raises:
        JetStreamUnavailable: none does.
    """
    *others, last = random.sample(address.servers, len(address.servers))
    for server in others:
        with suppress(JetStreamUnavailable):
            return await _connection_to(server, address, name, errors)
    return await _connection_to(last, address, name, errors)


async def _connection_to(server: str, address: NatsAddress, name: str, errors: _Errors) -> Client:
    client, context = Client(), trust(address) if address.tls else None

    def check() -> None:
        if context is not None and not context.used:
            raise JetStreamUnavailable(PLAIN)

    try:
        with translated():
            async with asyncio.timeout(TIMEOUT_S / len(address.servers)):
                await client.connect(
                    server,
                    name=name,
                    allow_reconnect=False,
                    error_cb=errors.hear,
                    ping_interval=10,
                    tls=context,
                    user=address.user,
                    password=_said(address.password, check),
                    token=_said(address.token, check),
                )
        check()
    except BaseException:
        errors.connecting = False
        await _close(client, GIVING_UP_S)
        raise
    errors.connecting = False
    return client


def _said(secret: str | None, check: Callable[[], None]) -> Callable[[], str] | None:
    """Says the secret after `check`: the library says it to a server without TLS as well."""
    if secret is None:
        return None

    def say() -> str:
        check()
        return secret

    return say


async def _close(client: Client, within_s: float = TIMEOUT_S) -> None:
    """Whatever that says: whoever used the connection knows already, or needs it no more.

    It fails where the connection broke under what was still to be sent.
    """
    with (
        heeding_cancellation(),  # which closing swallows, whatever Python's release
        suppress(NatsError, OSError, TimeoutError),
    ):
        async with asyncio.timeout(within_s):
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
        raise JetStreamUnavailable(f"NATS failed with {_why(error)}") from error


def _why(error: Exception) -> str:
    """The kind of a failure, and advice where there is some."""
    name = type(error).__name__
    if isinstance(error, ssl.SSLError):
        return f"{name}: {distrust(error)}"
    if "authorization" in str(error).lower():
        return f"{name}: it refuses the login: check user and password in the URL"
    return name
