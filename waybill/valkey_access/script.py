"""A Lua script: sent by its digest, and once as text to a server that does not know it.

valkey-py's own sends the text by `SCRIPT LOAD`, which needs a right of its own, and on a cluster
each node to be there.
"""

import hashlib
from collections.abc import Awaitable, Sequence
from typing import Any, cast

from valkey.asyncio import Valkey
from valkey.exceptions import NoScriptError

Value = str | bytes | float


class Script:
    """One script, for any server."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(
        self, valkey: Valkey, keys: Sequence[str | bytes], values: Sequence[Value]
    ) -> Any:
        """What it answers. Raises the library's errors."""
        arguments: Sequence[Any] = [*keys, *values]
        try:
            return await _awaitable(valkey.evalsha(self._digest, len(keys), *arguments))
        except NoScriptError:
            return await _awaitable(valkey.eval(self._text, len(keys), *arguments))


def _awaitable(answer: Any) -> Awaitable[Any]:
    """What the library's types leave open, for it has a client that does not wait, too."""
    return cast("Awaitable[Any]", answer)
