"""Asks the Valkey server: one script a question, each of them atomic, within a bounded time."""

from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any

from waybill.valkey_access.client import ValkeyClient, ValkeyUnavailable
from waybill.valkey_access.script import Script, Value

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
            url: see `waybill.valkey_access.address`.
            prefix: names the copy, so that several can share a server.
            timeout_s: bounds each question, waiting for a connection included, in seconds.
            again: whether to ask once more, on a new connection, where one has died unnoticed.

        Raises:
            ValueError: the URL cannot be understood.
            OSError: a file that it names cannot be read.
        """
        self._client = ValkeyClient(url, timeout_s=timeout_s, again=again)
        # Braces: on a cluster, all keys of a copy are on one node.
        self._keys = [f"{{{prefix}}}:{name}" for name in ("meta", "a", "b", "lease", "staging")]
        common = _text("common")
        self._scripts = {
            name: Script(f"#!lua flags={flags}\n{common}{_text(name)}")
            for name, flags in FLAGS.items()
        }

    async def ask(self, script: str, *arguments: Value) -> Any:
        """What `script` answers.

        Raises:
            CopyServerUnavailable: it may have been done nevertheless.
        """
        run = partial(self._scripts[script].run, keys=self._keys, values=arguments)
        try:
            return await self._client.ask(run)
        except ValkeyUnavailable as error:
            raise CopyServerUnavailable(f"the replica's store failed with {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def row_names(subject: str, product_ids: Sequence[str]) -> Sequence[bytes]:
    """The names of a subject's rows. No product id holds a NUL, so no two pairs share a name."""
    prefix = subject.encode() + b"\0"
    return [prefix + product_id.encode() for product_id in product_ids]


def _text(name: str) -> str:
    return files("orders_svc.replica.valkey").joinpath(f"{name}.lua").read_text("utf-8")
