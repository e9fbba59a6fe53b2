"""The one place where the orders service is put together. Tests come in through the same door."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.resources import files

from orders_svc.feed.follower import started
from orders_svc.ledger import Ledger
from orders_svc.resolvers import NEEDS, Parts, metered, products_client
from orders_svc.revocations import revocation_check, revocation_follower, revocations_of
from orders_svc.servicer import OrdersServicer
from orders_svc.settings import Settings
from orders_svc.store import OrderStore
from shop.orders.v1 import orders_pb2
from waybill.choosing import StrategyChoice
from waybill.expectations import Expectations
from waybill.keys import KeySource
from waybill.providers import Providers
from waybill.revocation import Revocations
from waybill.revocation_metrics import observe
from waybill.serving.assembly import log_unmet, make_guard
from waybill.serving.guard import GuardedService
from waybill.serving.health import Check, Needs
from waybill.serving.key_sources import key_source, keys_check
from waybill.serving.logs import make_logger
from waybill.serving.rules import RuleTable
from waybill.serving.strategy_health import strategy_needs
from waybill.telemetry import StateMetrics, state_metrics
from waybill.verified_cache import VerifiedCache

SERVICE = orders_pb2.DESCRIPTOR.services_by_name["OrdersService"]


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders service, ready to be served."""

    services: Sequence[GuardedService]
    service_names: Sequence[str]
    checks: Mapping[str, Check]
    needs: Needs
    _closers: AsyncExitStack

    async def close(self) -> None:
        """Let go of everything, once no call is in work."""
        await self._closers.aclose()


def build(
    settings: Settings,
    clock: Callable[[], float] = time.time,
    providers: Providers | None = None,
) -> Orders:
    """Put the service together, within a running event loop.

    Args:
        settings: of the service.
        clock: seconds since the Unix epoch.
        providers: where spans and metrics go; None observes no calls.

    Raises:
        waybill.errors.StorageUnavailable: the orders' database cannot be opened.
        ReplicaLocked: another process follows into the same replica.
        ReplicaUnusable: the replica's files cannot be opened.
        ExtraMissing: the settings ask for what is not installed.
        OSError: a TLS file cannot be read.
    """
    parts = _parts(settings, clock, providers)
    user_keys = _user_keys(settings, clock, parts.closers)
    store = _store(settings, clock)
    parts.closers.push_async_callback(store.close)
    parts.checks.update(
        {
            "user keys": keys_check(user_keys),
            "state keys": keys_check(parts.state_keys),
            "database": store.check,
        }
    )
    servicer = OrdersServicer(
        StrategyChoice(frozenset(settings.strategies), settings.default_strategy),
        {strategy: metered(strategy, parts) for strategy in settings.strategies},
        store,
    )
    log_unmet(settings, settings.strategies, service="orders")
    rules, verified = field_rules(), parts.verified
    guard = make_guard(
        *(settings, rules, user_keys, verified), clock=clock, service="orders", providers=providers
    )
    return Orders(
        services=[guard.service(SERVICE, servicer.methods())],
        service_names=[SERVICE.full_name],
        checks=parts.checks,
        needs=_needs(settings, parts.checks),
        _closers=parts.closers,
    )


def _needs(settings: Settings, checks: Mapping[str, Check]) -> Needs:
    of_strategies = {strategy: NEEDS[strategy] for strategy in settings.strategies}
    return strategy_needs(SERVICE.full_name, checks, of_strategies, settings.default_strategy)


def _store(settings: Settings, clock: Callable[[], float]) -> OrderStore:
    return OrderStore(
        open_ledger(settings, clock),
        group_commit=settings.group_commit,
        max_waiting=settings.max_waiting_orders,
        patience_s=2 * settings.database_timeout_s,
    )


def _parts(settings: Settings, clock: Callable[[], float], providers: Providers | None) -> Parts:
    """What all resolvers share, with what is followed for them under way."""
    closers = AsyncExitStack()
    revocations = revocations_of(settings, clock)
    parts = Parts(
        settings,
        clock,
        _state_keys(settings, clock, closers),
        _expectations(settings, clock, revocations),
        VerifiedCache(settings.verified_cache_entries, settings.verified_cache_bytes),
        providers,
        StateMetrics(providers) if providers else state_metrics(),
        closers=closers,
    )
    if revocations:
        _follow(revocations, parts)
    return parts


def _user_keys(
    settings: Settings, clock: Callable[[], float], closers: AsyncExitStack
) -> KeySource:
    return key_source(
        settings.user_keys,
        clock,
        make_logger(settings.log_level, service="orders"),
        closers,
        refresh_s=settings.user_keys_refresh_s,
        ca_file=settings.user_keys_ca_file,
    )


def _state_keys(
    settings: Settings, clock: Callable[[], float], closers: AsyncExitStack
) -> KeySource:
    return key_source(
        settings.state_keys,
        clock,
        make_logger(settings.log_level, service="orders"),
        closers,
        refresh_s=settings.state_keys_refresh_s,
        ca_file=settings.state_keys_ca_file,
    )


def open_ledger(settings: Settings, clock: Callable[[], float]) -> Ledger:
    """The ledger of the settings.

    Raises:
        waybill.errors.StorageUnavailable: the database cannot be opened, or lacks the tables.
    """
    return Ledger.open(
        settings.database_url,
        clock=clock,
        timeout_s=settings.database_timeout_s,
        create=settings.database_create,
    )


def field_rules() -> RuleTable:
    """The rules of all request fields."""
    return RuleTable.from_toml(files("shop").joinpath("rules.toml").read_text("utf-8"))


def _expectations(
    settings: Settings, clock: Callable[[], float], revocations: Revocations | None
) -> Expectations:
    return Expectations(
        settings.state_issuer,
        settings.state_audience,
        clock,
        settings.clock_leeway_s,
        still_counts=revocations.check if revocations else None,
    )


def _follow(revocations: Revocations, parts: Parts) -> None:
    observe(revocations, parts.providers.metrics if parts.providers else None)
    parts.checks["revocations"] = revocation_check(revocations)
    follower = revocation_follower(parts.settings, products_client(parts), revocations, parts.clock)
    parts.closers.push_async_callback(started(follower))
