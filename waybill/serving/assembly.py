"""What the composition roots of services have in common."""

from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import urlsplit

from structlog.typing import FilteringBoundLogger

from waybill.errors import KeysUnavailable
from waybill.jwks_url import HttpFetch, JwksUrl
from waybill.jwt import CREDENTIAL_REFUSALS, JwtVerifier
from waybill.keys import JwksFile, KeySource, Look
from waybill.providers import Providers
from waybill.rpc_telemetry import ServerCalls
from waybill.serving.guard import Guard
from waybill.serving.health import Check
from waybill.serving.identity import Authenticator
from waybill.serving.logs import make_logger
from waybill.serving.rules import RuleTable
from waybill.serving.settings import ServingSettings, variable
from waybill.serving.strategies import unmet
from waybill.strategy import Strategy
from waybill.verified_cache import VerifiedCache

USER_TOKEN_TYPE = "at+jwt"  # noqa: S105 -- RFC 9068's name of the type, no secret

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that no network lies before."""
KEYS_UNUSABLE = "keys_unusable"
KEYS_LOADED = "keys_loaded"
KEYS_LOOKED_AT = "keys_looked_at"
"""What the log says of looks at key files; with `path`, and as `cause` a `waybill.keys.Cause`."""


def make_guard(
    settings: ServingSettings,
    rules: RuleTable,
    user_keys: KeySource,
    verified: VerifiedCache,
    *,
    clock: Callable[[], float],
    service: str,
    providers: Providers | None = None,
) -> Guard:
    """The guard of one service.

    Args:
        settings: of the service.
        rules: of all request fields.
        user_keys: that users' tokens are signed with.
        verified: where verified users are remembered.
        clock: seconds since the Unix epoch.
        service: its name for logs.
        providers: where spans and durations of calls go; None observes none.
    """
    verifier = JwtVerifier(
        user_keys,
        typ=USER_TOKEN_TYPE,
        issuer=settings.user_issuer,
        audience=settings.user_audience,
        refusals=CREDENTIAL_REFUSALS,
        clock=clock,
        leeway_s=settings.clock_leeway_s,
        cache=verified,
    )
    return Guard(
        Authenticator(verifier),
        rules,
        max_message_bytes=settings.max_message_bytes,
        max_concurrent_calls=settings.max_concurrent_calls,
        log=make_logger(settings.log_level, service=service),
        calls=ServerCalls(providers) if providers else None,
    )


def log_unmet(settings: ServingSettings, accepted: Collection[Strategy], *, service: str) -> None:
    """Say at start which strategies are left out, and which variable each of them lacks."""
    log = make_logger(settings.log_level, service=service)
    for strategy, field in unmet(accepted, vars(settings)).items():
        log.info("strategy not accepted", strategy=strategy, needs=variable(type(settings), field))


def keys_from(path: Path, clock: Callable[[], float], log: FilteringBoundLogger) -> JwksFile:
    """The keys of a JWKS file; `log` is told of new sets, and once of what is wrong with one."""
    return JwksFile(path, clock, on_look=_LookLog(log.bind(path=str(path))))


def keys_over_http(url: str, log: FilteringBoundLogger, *, refresh_s: float) -> JwksUrl:
    """The keys that `url` serves; the caller runs it. `log` is told as by `keys_from`.

    Raises:
        ValueError: keys cannot be fetched from there.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        log.warning("keys_over_plain_http", path=url, risk="whoever can answer there can mint")
    return JwksUrl(HttpFetch(url), refresh_s=refresh_s, on_look=_LookLog(log.bind(path=url)))


class _LookLog:
    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._last_error: str | None = None

    def __call__(self, look: Look) -> None:
        if look.error is not None and look.error != self._last_error:
            self._log.warning(KEYS_UNUSABLE, cause=look.cause, problem=look.error)
        elif look.changed:
            self._log.info(KEYS_LOADED, cause=look.cause)
        else:
            self._log.debug(KEYS_LOOKED_AT, cause=look.cause)
        self._last_error = look.error


def keys_check(keys: KeySource) -> Check:
    """A health check that fails until `keys` has some."""

    async def check() -> str | None:
        try:
            keys.current()
        except KeysUnavailable as unavailable:
            return str(unavailable)
        return None

    return check
