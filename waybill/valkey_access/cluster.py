"""The node of a cluster that has the keys of a question, found by asking.

Every node knows which of them has a slot, and says so (MOVED) instead of answering. So the cluster
is not drawn up here: the node that answered last is asked first, it may send on, and where it is
gone the next of those that the URL names is asked. That needs no rights besides those that the
question needs, and what a demoted or cut-off node says is never kept longer than it holds.

https://valkey.io/topics/cluster-spec/#moved-redirection
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import cycle
from typing import Any, TypeVar

from valkey.asyncio import Valkey
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ResponseError

ATTEMPTS = 4
"""Most nodes that one question is put to: two are enough, unless slots are on the move."""

Answer = TypeVar("Answer")
Node = Mapping[str, Any]
_Place = tuple[str, int]

_ANSWERS = (NoPermissionError, NoScriptError, OutOfMemoryError)
"""Refusals by the right node."""


class ClusterNodes:
    """Those that the URL names, and those that they have sent us on to.

    Belongs to one event loop. Meant for questions whose keys are always of the same slot.
    """

    def __init__(
        self, named: Sequence[Node], opened: Callable[[Node], Valkey], *, again: bool
    ) -> None:
        """Opens nothing yet.

        Args:
            named: what connections to the nodes of the URL are made with.
            opened: makes the client of a node.
            again: whether to ask another node where one is gone; it may have done what was asked.
        """
        self._next = cycle(named)
        self._opened = opened
        self._again = again
        self._known: dict[_Place, Valkey] = {}
        self._at: Node | None = None

    async def ask(self, question: Callable[[Valkey], Awaitable[Answer]]) -> Answer:
        """The answer of the node that has the keys.

        Raises:
            ValkeyError, OSError: no node answers, or the one that should does not. The next
                question begins with another node.
        """
        for left in reversed(range(ATTEMPTS)):
            here = self._here()
            try:
                return await question(self._client(here))
            except ResponseError as refused:
                place = _sent_on_to(refused)
                if place:
                    self._at = {**here, **place}
                elif not isinstance(refused, _ANSWERS):
                    self._leave(here)
                if not (place and left):
                    raise
            except ValkeyConnectionError:
                self._leave(here)
                if not (self._again and left):
                    raise
            except BaseException:  # also the end of the caller's time: the node may hang
                self._leave(here)
                raise
        raise AssertionError("the last attempt answers or raises")

    async def close(self) -> None:
        """Close the connections to all nodes."""
        for valkey in self._known.values():
            await valkey.connection_pool.disconnect()

    def _leave(self, node: Node) -> None:
        """Begin with another node next time."""
        if self._at is node:
            self._at = None

    def _here(self) -> Node:
        self._at = self._at or next(self._next)
        return self._at

    def _client(self, node: Node) -> Valkey:
        place = (node.get("host", "localhost"), node.get("port", 6379))
        if place not in self._known:
            self._known[place] = self._opened(node)
        return self._known[place]


def _sent_on_to(refused: ResponseError) -> Mapping[str, Any] | None:
    """Host and port in `MOVED 3999 127.0.0.1:6381`; a missing host is that of the node asked."""
    words = str(refused).split(" ")
    if words[0] != "MOVED" or len(words) != 3:
        return None
    host, _, port = words[2].rpartition(":")
    return {"host": host.strip("[]"), "port": int(port)} if host else {"port": int(port)}
