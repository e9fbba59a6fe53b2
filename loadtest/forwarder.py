"""A TCP forwarder that counts: the independent check of what the kernel counts.

It stands between a client and a service, passes bytes on as they come, and knows nothing of what
they mean.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType

from loadtest.results import WireBytes
from loadtest.wire import address_of

_CHUNK_BYTES = 65_536
_HOST = "127.0.0.1"


class CountingForwarder:
    """Listens on a free port of the loopback and forwards to `target`. A context manager."""

    def __init__(self, target: str) -> None:
        self._service = address_of(target)
        self._lock = threading.Lock()
        self._up = self._down = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "CountingForwarder":
        self._listener = socket.create_server((_HOST, 0))
        self.target = f"{_HOST}:{self._listener.getsockname()[1]}"
        """Where clients connect."""
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()

    @property
    def counted(self) -> WireBytes:
        """What passed until now."""
        with self._lock:
            return WireBytes(up=self._up, down=self._down)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                service = socket.create_connection(self._service)
                self._open += [client, service]
                self._start(self._pass_on, client, service, True)
                self._start(self._pass_on, service, client, False)

    def _pass_on(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                with self._lock:
                    self._up += len(chunk) if up else 0
                    self._down += 0 if up else len(chunk)
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
