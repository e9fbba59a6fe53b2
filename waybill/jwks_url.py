"""Keys from a JSON Web Key Set over HTTP, fetched in the background."""

import asyncio
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from waybill.errors import KeysUnavailable
from waybill.keys import MAX_JWKS_BYTES, MISSING_EVERY_S, Cause, KeySet, Look, is_due
from waybill.left_behind import left_behind

FETCH_TIMEOUT_S: Final = 2.0
REFRESH_S: Final = 1.0
LEAST_PAUSE_S: Final = 1.0
"""Between two regular fetches, whatever a server says of its answer's age."""
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 5.0
MAX_ETAG_CHARACTERS: Final = 256

_MAX_AGE = re.compile(r"(?:^|[ ,])max-age=([0-9]{1,9})(?:$|[ ,])")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server said.

    `keys` is None where it has nothing newer than the `etag` that it was shown. `max_age_s` is how
    long it lets its answer be used, None where it does not say.
    """

    keys: KeySet | None
    etag: str
    max_age_s: int | None


Fetch = Callable[[str], Fetched]
"""Asks for keys, showing an ETag or nothing; blocks; raises where there is no usable answer."""


def check_url(url: str) -> str:
    """`url`, if keys can be fetched there.

    Raises:
        ValueError: it is no `http` or `https` URL with a host, or has a password or fragment.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("keys are fetched from http://host/path or https://host/path")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("a URL of keys has no user, password or fragment")
    if parts.port == 0:
        raise ValueError("port 0 cannot be fetched from")
    return url


class HttpFetch:
    """Fetches from one URL. Follows no redirect and no proxy variable, and asks nothing twice.

    Certificates of `https` are checked against the authorities of a file, or else the system's.
    """

    def __init__(
        self, url: str, timeout_s: float = FETCH_TIMEOUT_S, ca_file: Path | None = None
    ) -> None:
        """Nothing is asked yet; `ca_file` is PEM.

        `timeout_s` bounds a whole fetch, however slowly its answer drips, but no name's look-up.

        Raises:
            ValueError: as `check_url`.
            OSError: `ca_file` cannot be read.
        """
        self.url = check_url(url)
        self._parts = urlsplit(url)
        self._timeout_s = timeout_s
        https = self._parts.scheme == "https"
        self._tls = ssl.create_default_context(cafile=ca_file) if https else None

    def __call__(self, etag: str) -> Fetched:
        """See `Fetch`.

        Raises:
            OSError: no connection, or it took too long.
            http.client.HTTPException: no HTTP.
            ValueError: another status than 200 or 304, or no key set.
        """
        headers = {"Accept": "application/jwk-set+json, application/json"}
        if etag:
            headers["If-None-Match"] = etag
        with closing(self._connection()) as connection:
            until = time.monotonic() + self._timeout_s
            connection.sock = self._connected(connection)
            with _cut_off_after(until - time.monotonic(), connection.sock):
                if isinstance(connection.sock, ssl.SSLSocket):
                    connection.sock.do_handshake()
                connection.request("GET", self._target, headers=headers)
                return _fetched(connection.getresponse(), etag)

    def _connected(self, connection: http.client.HTTPConnection) -> socket.socket:
        """The socket to the server; of TLS the handshake is yet to come, so that it is cut off."""
        http.client.HTTPConnection.connect(connection)  # without the handshake of its subclass
        if self._tls is None:
            return connection.sock
        return self._tls.wrap_socket(
            connection.sock, server_hostname=connection.host, do_handshake_on_connect=False
        )

    @property
    def _target(self) -> str:
        query = f"?{self._parts.query}" if self._parts.query else ""
        return (self._parts.path or "/") + query

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls)


class JwksUrl:
    """The last good key set of a server; a `waybill.keys.KeySource`.

    `run` fetches in a thread, at first at once, then each `refresh_s` seconds, or more often where
    the server asks for that, down to each second. A key id that is missing brings one fetch more,
    at most once in `missing_every_s` seconds; the call that named it does not wait. While the
    server is away, or answers nonsense, the last good set stays and `last_error` says why. An empty
    set is believed: nobody is trusted then. Before the first good set there are no keys.

    For one event loop.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        refresh_s: float = REFRESH_S,
        missing_every_s: float = MISSING_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
        on_look: Callable[[Look], None] | None = None,
    ) -> None:
        """`on_look` is told of every fetch, for logs and counts."""
        self._fetch = fetch
        self._refresh_s = refresh_s
        self._missing_every_s = missing_every_s
        self._clock = clock
        self._on_look = on_look
        self._missing_at = float("-inf")
        self._missing = asyncio.Event()
        self._keys: KeySet | None = None
        self._etag = ""
        self._failures = 0
        self._max_age_s: int | None = None
        self.last_error: str | None = "not fetched yet"

    def current(self, *, missing: str | None = None) -> KeySet:
        """See `waybill.keys.KeySource`."""
        if missing is not None:
            now = self._clock()
            if is_due(now, self._missing_at, self._missing_every_s):
                self._missing_at = now
                self._missing.set()
        if self._keys is None:
            raise KeysUnavailable(self.last_error or "")
        return self._keys

    async def run(self) -> NoReturn:
        """Fetch for ever."""
        cause = Cause.TIME
        while True:
            await self.look(cause)
            cause = await self._pause()

    async def look(self, cause: Cause = Cause.TIME) -> None:
        """Fetch once."""
        before = self._keys
        try:
            fetched = await left_behind(partial(self._fetch, self._etag))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the last good set stays
            self._failures += 1
            self.last_error = f"{type(error).__name__}: {error}"
        else:
            self._failures = 0
            self.last_error = None
            self._keys = self._keys if fetched.keys is None else fetched.keys
            self._etag, self._max_age_s = fetched.etag, fetched.max_age_s
        if self._on_look is not None:
            self._on_look(Look.at(cause, before, self._keys, self.last_error))

    async def _pause(self) -> Cause:
        """Returns when the next fetch is due, as its cause."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pause_s):
                await self._missing.wait()
            self._missing.clear()
            return Cause.MISSING_KEY
        return Cause.TIME

    @property
    def pause_s(self) -> float:
        """Seconds from the end of the last fetch to the next regular one."""
        if self._failures:
            return min(FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 10), LONGEST_RETRY_S)
        if self._max_age_s is None:
            return self._refresh_s
        return min(self._refresh_s, max(self._max_age_s, LEAST_PAUSE_S))


def _fetched(response: http.client.HTTPResponse, etag: str) -> Fetched:
    found = _MAX_AGE.search(response.getheader("Cache-Control", ""))
    max_age_s = int(found[1]) if found else None
    if etag and response.status == http.client.NOT_MODIFIED:
        return Fetched(None, etag, max_age_s)
    if response.status != http.client.OK:
        raise ValueError(f"answered with status {response.status}")
    body = response.read(MAX_JWKS_BYTES + 1)
    if len(body) > MAX_JWKS_BYTES:
        raise ValueError(f"larger than {MAX_JWKS_BYTES} bytes")
    if response.length:
        raise ValueError("cut short")
    new_etag = response.getheader("ETag", "")
    return Fetched(
        KeySet.from_jwks(body), new_etag if len(new_etag) <= MAX_ETAG_CHARACTERS else "", max_age_s
    )


@contextmanager
def _cut_off_after(timeout_s: float, connection: socket.socket) -> Iterator[None]:
    """A socket's own timeout starts anew with each byte; this one does not."""
    timer = threading.Timer(timeout_s, _cut_off, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut_off(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
