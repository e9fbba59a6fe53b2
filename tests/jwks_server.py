"""A server of key sets that does what a test's script says, over HTTP or HTTPS."""

import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.certificates import Identity

TIMEOUT_S = 5.0


@dataclass
class Script:
    """What the server answers next, and what it was asked."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    slow: bool = False
    """Sends one byte of the body, and the rest when `released`."""
    changing: threading.Lock = field(default_factory=threading.Lock)

    def say(self, status: int, body: bytes) -> None:
        """Answer so from now on; no answer mixes this with what was said before."""
        with self.changing:
            self.status, self.body = status, body


def _handler_of(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script.asked.append({**dict(self.headers), "path": self.path})
            with script.changing:
                status, body = script.status, script.body
            self.send_response(status)
            for name, text in script.headers.items():
                self.send_header(name, text)
            self.end_headers()
            if script.slow:
                self.wfile.write(body[:1])
                self.wfile.flush()
                script.released.wait(TIMEOUT_S)
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not in tests."""

    return Handler


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that cut the line are the subject here."""


@contextmanager
def served(script: Script, identity: Identity | None = None) -> Iterator[str]:
    """The URL where `script` is played, over TLS with an `identity`."""
    server = _QuietServer(("127.0.0.1", 0), _handler_of(script))
    if identity is not None:
        server.socket = server_context(identity).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        scheme, host = ("https", "localhost") if identity else ("http", "127.0.0.1")
        yield f"{scheme}://{host}:{server.server_port}/.well-known/jwks.json"
    finally:
        script.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def server_context(identity: Identity) -> ssl.SSLContext:
    """What a server with this certificate speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:  # the module takes no key from memory
        file.write(identity.key + identity.certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return context
