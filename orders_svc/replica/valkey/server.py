"""Asks the Valkey server: one script a question, each of them atomic, within a bounded time."""

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import ValkeyError

from waybill.cancelling import heeding_cancellation

MAX_CONNECTIONS = 32

READ = "no-writes"
FREE = "allow-oom"
WRITE = ""
FLAGS = {
    "take": FREE,
    "release": FREE,
    "describe": READ,
    "apply": WRITE,
    "complete": FREE,
    "incomplete": FREE,
    "begin": FREE,
    "stage": WRITE,
    "commit": FREE,
}
"""The scripts, by what the server lets them do: one that may need much memory is not begun where
there is none, so that it is done whole or not at all; one that needs next to none always is."""


class CopyServerUnavailable(Exception):
    """The server does not answer, or not in time."""


class CopyServer:
    """One copy in one server. It connects when first asked, and again after each failure.

    Belongs to one event loop.
    """

    def __init__(self, url: str, prefix: str, timeout_s: float, *, again: bool) -> None:
        """Opens nothing yet.

        Args:
            url: such as `valkey://[user:password@]host:port/db` or `unix:///path?db=0`.
            prefix: names the copy, so that several can share a server.
            timeout_s: bounds each question, waiting for a connection included, in seconds.
            again: whether to ask once more, on a new connection, where one has died unnoticed.

        Raises:
            ValueError: the URL cannot be understood.
        """
        self._timeout_s = timeout_s
        # Braces: on a cluster, all keys of a copy are on one node.
        self._keys = [f"{{{prefix}}}:{name}" for name in ("meta", "a", "b", "lease", "staging")]
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=None,
            retry=Retry(NoBackoff(), int(again)),
            retry_on_error=[ValkeyConnectionError],
        )
        self._valkey = Valkey(connection_pool=self._pool)
        common = _text("common")
        self._scripts = {
            name: self._valkey.register_script(f"#!lua flags={flags}\n{common}{_text(name)}")
            for name, flags in FLAGS.items()
        }

    async def ask(self, script: str, *arguments: str | bytes | float) -> Any:
        """What `script` answers.

        Raises:
            CopyServerUnavailable: it may have been done nevertheless.
        """
        try:
            with heeding_cancellation():
                async with asyncio.timeout(self._timeout_s):
                    return await self._scripts[script](keys=self._keys, args=[*arguments])
        except (ValkeyError, OSError, TimeoutError) as error:
            # The class only: texts of the library may hold parts of the URL.
            raise CopyServerUnavailable(
                f"the replica's store failed with {type(error).__name__}"
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.disconnect()


def row_names(subject: str, product_ids: Sequence[str]) -> Sequence[bytes]:
    """The names of a subject's rows. No product id holds a NUL, so no two pairs share a name."""
    prefix = subject.encode() + b"\0"
    return [prefix + product_id.encode() for product_id in product_ids]


def _text(name: str) -> str:
    return files("orders_svc.replica.valkey").joinpath(f"{name}.lua").read_text("utf-8")
