"""Where a service gets verification keys from: a JWKS file, or a URL that is asked all the time."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from structlog.typing import FilteringBoundLogger

from waybill.errors import KeysUnavailable
from waybill.jwks_file import JwksFile
from waybill.jwks_url import HttpFetch, JwksUrl, check_url
from waybill.keys import KeySource, Look
from waybill.serving.health import Check

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that no network lies before."""
KEYS_UNUSABLE = "keys_unusable"
KEYS_LOADED = "keys_loaded"
KEYS_LOOKED_AT = "keys_looked_at"
KEYS_PASSED_OVER = "keys_passed_over"
"""What the log says of looks at keys; with `path`, and as `cause` a `waybill.keys.Cause`."""


def _place(value: object) -> object:
    """Text that is a URL stays text; other text is a path."""
    if isinstance(value, str):
        return check_url(value) if value.startswith(("http://", "https://")) else Path(value)
    return value


KeysPlace = Annotated[Path | str, BeforeValidator(_place)]
"""A setting: the path of a JWKS file, or the URL (`http`, `https`) that one is served at."""


def check_ca_file(place: Path | str, ca_file: Path | None) -> None:
    """Return if a `ca_file` has something to check.

    Raises:
        ValueError: keys do not come over `https`.
    """
    if ca_file and not (isinstance(place, str) and place.startswith("https://")):
        raise ValueError("a ca_file of keys needs them at a URL of https")


def key_source(
    place: Path | str,
    clock: Callable[[], float],
    log: FilteringBoundLogger,
    closers: AsyncExitStack,
    *,
    refresh_s: float,
    ca_file: Path | None = None,
) -> KeySource:
    """The keys at `place`, within a running event loop.

    Args:
        place: a `KeysPlace`.
        clock: seconds, for files.
        log: told of new sets, and once of what is wrong with one.
        closers: end the asking of a URL.
        refresh_s: how often a URL is asked at least, in seconds.
        ca_file: whose certificates a URL's server must have (PEM); None is the system's.

    Raises:
        OSError: `ca_file` cannot be read.
    """
    looked = _LookLog(log.bind(path=str(place)))
    if isinstance(place, Path):
        return JwksFile(place, clock, on_look=looked)
    _warn_of_plain_http(place, log)
    keys = JwksUrl(HttpFetch(place, ca_file=ca_file), refresh_s=refresh_s, on_look=looked)
    closers.push_async_callback(_cancelled, asyncio.create_task(keys.run()))
    return keys


def keys_check(keys: KeySource) -> Check:
    """A health check that fails until `keys` has some."""

    async def check() -> str | None:
        try:
            keys.current()
        except KeysUnavailable as unavailable:
            return str(unavailable)
        return None

    return check


def _warn_of_plain_http(url: str, log: FilteringBoundLogger) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        log.warning("keys_over_plain_http", path=url, risk="whoever can answer there can mint")


class _LookLog:
    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._last_error: str | None = None
        self._passed_over: tuple[str, ...] = ()

    def __call__(self, look: Look) -> None:
        if look.passed_over and look.passed_over != self._passed_over:
            self._log.warning(KEYS_PASSED_OVER, problems=look.passed_over)
        self._passed_over = look.passed_over
        if look.error is not None and look.error != self._last_error:
            self._log.warning(KEYS_UNUSABLE, cause=look.cause, problem=look.error)
        elif look.changed:
            self._log.info(KEYS_LOADED, cause=look.cause)
        else:
            self._log.debug(KEYS_LOOKED_AT, cause=look.cause)
        self._last_error = look.error


async def _cancelled(task: "asyncio.Task[NoReturn]") -> None:
    """End a task that would go on for ever."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
