"""The one place where the products service is put together. Tests come in through the same door."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import NoReturn

from structlog.typing import FilteringBoundLogger

from products_svc.feed.feed import Feed
from products_svc.feed.poller import Pace
from products_svc.feed.publisher import Publisher
from products_svc.issuers import Parts, issuers
from products_svc.servicer import ProductsServicer
from products_svc.settings import Settings
from products_svc.signing_keys import RotatingKey, publish
from products_svc.store.database import Database
from products_svc.store.schema import prepare
from products_svc.store.store import CONNECTIONS, Store
from products_svc.terms import Terms
from shop.products.v1 import products_pb2
from waybill.choosing import StrategyChoice
from waybill.errors import StorageUnavailable
from waybill.extras import needing
from waybill.keys import KeySource
from waybill.providers import Providers
from waybill.references.store import ReferenceStore
from waybill.references.valkey_store import ValkeyReferenceStore
from waybill.serving.assembly import log_unmet, make_guard
from waybill.serving.guard import GuardedService
from waybill.serving.health import Check, Needs
from waybill.serving.jwks_page import JwksPage
from waybill.serving.key_sources import key_source, keys_check
from waybill.serving.logs import make_logger
from waybill.serving.rules import RuleTable
from waybill.serving.strategy_health import strategy_needs
from waybill.strategy import Strategy
from waybill.verified_cache import VerifiedCache

SIGNING_KEYS_UNUSABLE = "signing_keys_unusable"
"""What the log says where a changed key file cannot be used: the key before it goes on signing."""

SERVICE = products_pb2.DESCRIPTOR.services_by_name["ProductsService"]


@dataclass(frozen=True, slots=True)
class Products:
    """The products service, ready to be served."""

    services: Sequence[GuardedService]
    service_names: Sequence[str]
    checks: Mapping[str, Check]
    needs: Needs
    close: Callable[[], Awaitable[None]]
    """Let go of everything, once no call is in work."""


def build(
    settings: Settings,
    clock: Callable[[], float] = time.time,
    providers: Providers | None = None,
) -> Products:
    """Put the service together, within a running event loop.

    Args:
        settings: of the service.
        clock: seconds since the Unix epoch.
        providers: where spans and metrics go; None observes no calls.

    Raises:
        StorageUnavailable: the database does not answer.
        UnfitDatabase: it is of another schema or currency.
        UnusableKeys: the signing keys cannot be read, made or published.
        ExtraMissing: the settings ask for what is not installed.
        OSError: a TLS file cannot be read.
    """
    log = make_logger(settings.log_level, service="products")
    closers = AsyncExitStack()  # what is opened last is closed first
    user_keys = _user_keys(settings, clock, log, closers)
    keys = _signing_keys(settings, log)
    references = _reference_store(settings, closers)
    store = _store(settings, clock, closers)
    feed = _feed(settings, store, clock, closers)
    servicer = ProductsServicer(
        store,
        feed,
        StrategyChoice(frozenset(settings.strategies), settings.default_strategy),
        issuers(Parts(settings, keys, _terms(settings, clock), references), providers),
        after_revoke=[references.revoke] if references else [],
    )
    log_unmet(settings, settings.strategies, service="products")
    verified = VerifiedCache(settings.verified_cache_entries, settings.verified_cache_bytes)
    of_guard = (settings, field_rules(), user_keys, verified)
    guard = make_guard(*of_guard, clock=clock, service="products", providers=providers)
    checks = _checks(user_keys, store, references)
    return Products(
        services=[guard.service(SERVICE, servicer.methods())],
        service_names=[SERVICE.full_name],
        checks=checks,
        needs=_needs(settings, checks),
        close=closers.aclose,
    )


def _user_keys(
    settings: Settings,
    clock: Callable[[], float],
    log: FilteringBoundLogger,
    closers: AsyncExitStack,
) -> KeySource:
    return key_source(
        settings.user_keys,
        clock,
        log,
        closers,
        refresh_s=settings.user_keys_refresh_s,
        ca_file=settings.user_keys_ca_file,
    )


def _signing_keys(settings: Settings, log: FilteringBoundLogger) -> RotatingKey:
    """The keys that state is signed with, their public part published."""
    algorithm = settings.signing_algorithm
    keys = RotatingKey(
        settings.signing_keys,
        time.monotonic,
        settle_s=settings.signing_settle_s,
        algorithm=algorithm,
        on_problem=lambda problem: log.warning(SIGNING_KEYS_UNUSABLE, problem=problem),
    )
    publish(settings.signing_keys, settings.public_keys, algorithm)
    return keys


def _store(settings: Settings, clock: Callable[[], float], closers: AsyncExitStack) -> Store:
    store = Store(
        open_database(settings, clock, statement_timeout_s=settings.database_timeout_s),
        clock,
        settings.history_changes,
        patience_s=2 * settings.database_timeout_s,
    )
    closers.push_async_callback(asyncio.to_thread, store.close)
    return store


def _feed(
    settings: Settings, store: Store, clock: Callable[[], float], closers: AsyncExitStack
) -> Feed:
    """What changes, for watchers, and published where the settings say."""
    feed = Feed(store, _pace(settings), clock)
    closers.push_async_callback(feed.close)
    if settings.feed_url is not None:
        publisher = _publisher(settings, settings.feed_url, feed, store)
        closers.push_async_callback(_cancelled, asyncio.create_task(publisher.run()))
    return feed


def _publisher(settings: Settings, url: str, feed: Feed, store: Store) -> Publisher:
    with needing("nats"):
        from products_svc.feed.jetstream import JetStreamLog  # noqa: PLC0415 (an extra)
    return Publisher(
        feed,
        JetStreamLog(url, settings.feed_stream, settings.history_changes, settings.feed_replicas),
        store,
        owner=f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(8)}",
        logger=make_logger(settings.log_level, service="products"),
        timer=time.monotonic,
    )


async def _cancelled(task: "asyncio.Task[NoReturn]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, StorageUnavailable):
        await task


def public_keys_page(settings: Settings) -> JwksPage:
    """What readers fetch over HTTP: the file of the public keys.

    A new key signs only after every answer without it may no longer be used.
    """
    return JwksPage(settings.public_keys, max_age_s=int(settings.signing_settle_s / 2))


def open_database(
    settings: Settings,
    clock: Callable[[], float],
    *,
    create: bool | None = None,
    statement_timeout_s: float | None = None,
) -> Database:
    """The database of the settings, with everything in it that must be.

    Args:
        settings: of the service.
        clock: seconds since the Unix epoch.
        create: whether to set up an empty one; None leaves that to the settings.
        statement_timeout_s: how long PostgreSQL may take for one statement; None for ever.

    Raises:
        StorageUnavailable: it does not answer.
        UnfitDatabase: it is of another schema or currency, or empty.
    """
    database = Database(
        settings.database_url,
        connections=CONNECTIONS,
        busy_timeout_s=settings.database_timeout_s,
        statement_timeout_s=statement_timeout_s,
    )
    create = settings.database_create if create is None else create
    try:
        moved = prepare(database, clock, settings.currency_code, create=create)
    except BaseException:
        database.close()
        raise
    if moved:
        log = make_logger(settings.log_level, service="products")
        log.warning("history_begun_anew", why="the database was restored, or a standby took over")
    return database


def field_rules() -> RuleTable:
    """The rules of all request fields."""
    return RuleTable.from_toml(files("shop").joinpath("rules.toml").read_text("utf-8"))


def database_check(store: Store) -> Check:
    """A health check that reads the database."""

    async def check() -> str | None:
        try:
            await store.position()
        except StorageUnavailable as unavailable:
            return str(unavailable)
        return None

    return check


def _pace(settings: Settings) -> Pace:
    return Pace(
        poll_s=settings.watch_poll_s,
        heartbeat_s=settings.watch_heartbeat_s,
        stall_s=settings.watch_stall_s,
    )


def _reference_store(settings: Settings, closers: AsyncExitStack) -> ReferenceStore | None:
    if not settings.reference_url:
        return None
    references = ValkeyReferenceStore(
        settings.reference_url,
        prefix=settings.reference_prefix,
        timeout_s=settings.reference_timeout_s,
        max_per_subject=settings.reference_max_per_subject,
    )
    closers.push_async_callback(references.close)
    return references


def _checks(
    user_keys: KeySource, store: Store, references: ReferenceStore | None
) -> Mapping[str, Check]:
    checks = {"user keys": keys_check(user_keys), "database": database_check(store)}
    if references:
        checks["reference store"] = references.check
    return checks


def _needs(settings: Settings, checks: Mapping[str, Check]) -> Needs:
    needed = {Strategy.REFERENCE: ["reference store"]}
    of_strategies = {strategy: needed.get(strategy, []) for strategy in settings.strategies}
    return strategy_needs(SERVICE.full_name, checks, of_strategies, settings.default_strategy)


def _terms(settings: Settings, clock: Callable[[], float]) -> Terms:
    return Terms(settings.state_issuer, settings.state_audience, settings.state_ttl_s, clock)
