"""What the composition roots of services have in common."""

from collections.abc import Callable, Collection

from waybill.jwt import CREDENTIAL_REFUSALS, JwtVerifier
from waybill.keys import KeySource
from waybill.providers import Providers
from waybill.rpc_telemetry import ServerCalls
from waybill.serving.guard import Guard
from waybill.serving.identity import Authenticator
from waybill.serving.logs import make_logger
from waybill.serving.rules import RuleTable
from waybill.serving.settings import ServingSettings, variable
from waybill.serving.strategies import unmet
from waybill.strategy import Strategy
from waybill.verified_cache import VerifiedCache

USER_TOKEN_TYPE = "at+jwt"  # noqa: S105 -- RFC 9068's name of the type, no secret


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
