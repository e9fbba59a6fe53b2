"""Serves a JWKS file over HTTP, as an identity provider does for the keys of its tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

JWKS_PATH = "/.well-known/jwks.json"


@contextmanager
def served_keys(file: Path) -> Iterator[int]:
    """Serve `file`, as it is at each request, on a free loopback port, which is given."""

    class Keys(_Keys):
        path_of_keys = file

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = Thread(target=server.serve_forever, name="key-server", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Keys(BaseHTTPRequestHandler):
    path_of_keys: ClassVar[Path]

    def do_GET(self) -> None:
        found = self.path == JWKS_PATH
        body = self.path_of_keys.read_bytes() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/jwk-set+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: Envoy asks every few seconds."""
