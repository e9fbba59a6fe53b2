"""The public keys of a service over HTTP, as a JSON Web Key Set (RFC 7517, RFC 8615)."""

import hashlib
import json
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from waybill.keys import KeySet
from waybill.serving.side_port import Environ, StartResponse, plain

PATH: Final = "/.well-known/jwks.json"


class JwksPage:
    """Serves the keys of a JWKS file, read anew for each request.

    Only keys that readers could use leave: what is not a public key of ours makes the page
    unavailable. An `If-None-Match` of the current ETag is answered with 304 (RFC 9110).

    Args:
        path: the file.
        max_age_s: how long readers may use an answer; less than a new key waits until it signs.
    """

    def __init__(self, path: Path, max_age_s: int) -> None:
        self._path = path
        self._cache_control = ("Cache-Control", f"public, max-age={max_age_s}")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = self._body()
        except (OSError, ValueError):
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, start_response)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = [("ETag", etag), self._cache_control]
        if etag in environ.get("HTTP_IF_NONE_MATCH", ""):
            start_response("304 Not Modified", headers)
            return ()
        kind = ("Content-Type", "application/jwk-set+json")
        start_response("200 OK", [kind, ("Content-Length", str(len(body))), *headers])
        return (body,)

    def _body(self) -> bytes:
        keys = KeySet.from_jwks(self._path.read_bytes())
        return json.dumps({"keys": [key.to_jwk() for key in keys]}).encode()
