"""Asks Valkey, within a bounded time. Every failure comes out as one, with advice and no secret."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ConnectionError as ValkeyConnectionError

from waybill.cancelling import heeding_cancellation
from waybill.valkey_access.address import parse
from waybill.valkey_access.cluster import ClusterNodes
from waybill.valkey_access.failures import FAILURES, why

MAX_CONNECTIONS = 32
"""To one server, or to one node."""

Answer = TypeVar("Answer")
Question = Callable[[Valkey], Awaitable[Answer]]


class ValkeyUnavailable(Exception):
    """It does not answer, not in time, or refuses; it may have done what was asked nevertheless."""


class Servers(Protocol):
    """One server, or several of which one must be found."""

    async def ask(self, question: Question[Answer]) -> Answer:
        """The answer of the right one. Raises the library's errors."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class ValkeyClient:
    """Whoever is at a URL. It connects when first asked, and again after each failure.

    Belongs to one event loop.
    """

    def __init__(self, url: str, *, timeout_s: float, again: bool) -> None:
        """Opens nothing yet.

        Args:
            url: see `waybill.valkey_access.address`.
            timeout_s: bounds each question, waiting for a connection included, in seconds.
            again: whether to ask once more, on a new connection, where one has died unnoticed.

        Raises:
            ValueError: the URL cannot be understood.
            OSError: a file that it names cannot be read.
        """
        address = parse(url)
        self._timeout_s = timeout_s

        def opened(node: Mapping[str, Any]) -> Valkey:
            return _opened(node, again=again)

        self._servers: Servers = (
            ClusterNodes(address.nodes, opened, again=again)
            if address.cluster
            else _One(opened(address.nodes[0]))
        )

    async def ask(self, question: Question[Answer]) -> Answer:
        """What `question` answers, which all its keys must be in one hash slot for on a cluster.

        Raises:
            ValkeyUnavailable: with what to do, where that is known.
        """
        try:
            with heeding_cancellation():
                async with asyncio.timeout(self._timeout_s):
                    return await self._servers.ask(question)
        except FAILURES as error:
            raise ValkeyUnavailable(why(error)) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._servers.close()


class _One:
    """The server itself."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def ask(self, question: Question[Answer]) -> Answer:
        return await question(self._valkey)

    async def close(self) -> None:
        await self._valkey.connection_pool.disconnect()


def _opened(node: Mapping[str, Any], *, again: bool) -> Valkey:
    pool = BlockingConnectionPool(
        max_connections=MAX_CONNECTIONS,
        timeout=None,
        retry=Retry(NoBackoff(), int(again)),
        retry_on_error=[ValkeyConnectionError],
        **node,
    )
    return Valkey(connection_pool=pool)
