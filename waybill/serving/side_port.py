"""A second, plain HTTP port beside gRPC's: what scrapers and key fetchers ask for.

For few, short, read-only pages. It runs in threads of its own, a handful at most, and cuts off
whoever takes longer than a page needs, so that nothing that happens here holds up a call.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from waybill.serving.server import CannotListen
from waybill.serving.settings import ServingSettings

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Page = Callable[[Environ, StartResponse], Iterable[bytes]]
"""A WSGI application (PEP 3333)."""

THREADS: Final = 4
MAX_CONNECTIONS: Final = 32
"""At once, those that wait for a thread included; more are closed without an answer."""
CUT_OFF_S: Final = 10.0
"""How long a connection may take altogether."""
_LOOK_EVERY_S: Final = 0.1


def pages(by_path: Mapping[str, Page]) -> Page:
    """One application of several, by exact path; for GET and HEAD alone."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        page = by_path.get(environ["PATH_INFO"])
        if page is None:
            return plain(HTTPStatus.NOT_FOUND, start_response)
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, start_response, ("Allow", "GET, HEAD"))
        body = page(environ, start_response)
        return () if environ["REQUEST_METHOD"] == "HEAD" else body

    return application


def plain(
    status: HTTPStatus, start_response: StartResponse, *headers: tuple[str, str]
) -> Iterable[bytes]:
    """An answer that says no more than its status."""
    text = f"{status.value} {status.phrase}\n".encode()
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start_response(f"{status.value} {status.phrase}", [kind, *headers])
    return (text,)


@contextmanager
def served_pages(
    settings: ServingSettings, by_path: Mapping[str, Page | None], *, place: int | None = None
) -> Iterator[int | None]:
    """Serve those of `by_path` that are there, where the settings want an HTTP port; its number.

    Processes that share their settings take ports in a row: `place` counts from 0, and is that of
    the worker unless given.

    Raises:
        CannotListen: the port is taken, or the host is none of ours.
    """
    if settings.http_port is None:
        yield None
        return
    offset = max(settings.worker - 1, 0) if place is None else place
    port = settings.http_port and settings.http_port + offset
    application = pages({path: page for path, page in by_path.items() if page is not None})
    with side_port(settings.http_host, port, application) as taken:
        yield taken


@contextmanager
def side_port(host: str, port: int, application: Page) -> Iterator[int]:
    """Serve `application` in the background while the `with` lasts; its port; 0 takes a free one.

    Raises:
        CannotListen: the port is taken, or the host is none of ours.
    """
    try:
        server = _server_class(host)((host, port), _Handler)
    except OSError as error:
        raise CannotListen(
            f"cannot serve HTTP on {host}:{port}: {error.strerror}; stop what listens there, or "
            f"choose another port"
        ) from None
    server.set_app(application)
    thread = threading.Thread(
        target=server.serve_forever, args=(_LOOK_EVERY_S,), name="side-port", daemon=True
    )
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(WSGIRequestHandler):
    timeout = CUT_OFF_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Scrapes are no news."""

    def address_string(self) -> str:
        """The base class would ask a name server."""
        return str(self.client_address[0])


class _Server(WSGIServer):
    """Answers in a few threads, and cuts off connections that last."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, *arguments: Any) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="side-port")
        self._since: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(*arguments)  # closes what is here if it cannot bind

    def server_bind(self) -> None:
        """As the base class, without asking a name server for the host."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment] # host and port of either family
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            fits = len(self._since) < MAX_CONNECTIONS
            if fits:
                self._since[request] = time.monotonic()
        if fits:
            self._pool.submit(self._answer, request, client_address)
        else:
            self.shutdown_request(request)

    def service_actions(self) -> None:
        """Called every tenth of a second."""
        now = time.monotonic()
        with self._lock:
            late = [each for each, since in self._since.items() if now - since > CUT_OFF_S]
        self._cut_off(late)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, mostly; there is nobody to tell."""

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            left = list(self._since)
        self._cut_off(left)
        self._pool.shutdown(wait=True)  # those that wait end as soon, and close their sockets

    def _answer(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001 -- whatever it is, this connection alone ends
            self.handle_error(request, client_address)
        finally:
            with self._lock:
                self._since.pop(request, None)
            self.shutdown_request(request)

    def _cut_off(self, connections: Iterable[socket.socket]) -> None:
        for each in connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _Server6(_Server):
    address_family = socket.AF_INET6


def _server_class(host: str) -> type[_Server]:
    return _Server6 if ":" in host else _Server
