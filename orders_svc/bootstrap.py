"""The one place where the orders service is put together. Tests come in through the same door."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from importlib.resources import files

from orders_svc import state_v1, state_v2
from orders_svc.access import Resolver
from orders_svc.feed.follower import Follower, started
from orders_svc.feed.opening import open_feed
from orders_svc.feed.pace import Pace
from orders_svc.ledger import Ledger
from orders_svc.metered import MeteredResolver
from orders_svc.products_client import ProductsClient, connect
from orders_svc.replica.copy import CopyWriter
from orders_svc.replica.metrics import observe as observe_replica
from orders_svc.replica.opening import open_reader, open_writer
from orders_svc.replica.sink import ReplicaSink
from orders_svc.revocations import revocation_check, revocation_follower, revocations_of
from orders_svc.servicer import OrdersServicer
from orders_svc.settings import Settings
from orders_svc.state_keys import state_keys
from orders_svc.store import OrderStore
from orders_svc.strategies.direct_call import DirectCallResolver
from orders_svc.strategies.message_field import MessageFieldResolver
from orders_svc.strategies.metadata_jwt import MetadataJwtResolver
from orders_svc.strategies.page_proof import PageProofResolver
from orders_svc.strategies.reference import ReferenceResolver
from orders_svc.strategies.replica import ReplicaResolver
from shop.orders.v1 import orders_pb2
from waybill.answer_cache import AnswerCache, CacheLimits
from waybill.choosing import StrategyChoice
from waybill.expectations import Expectations
from waybill.keys import KeySource
from waybill.page_proof import PageProofReader, ProofLimits
from waybill.providers import Providers
from waybill.references.cache import CacheBounds
from waybill.references.reader import ReferenceReader
from waybill.references.valkey_store import ValkeyReferenceStore
from waybill.revocation import Revocations
from waybill.revocation_metrics import observe
from waybill.serving.assembly import keys_check, keys_from, log_unmet, make_guard
from waybill.serving.guard import GuardedService
from waybill.serving.health import Check
from waybill.serving.logs import make_logger
from waybill.serving.rules import RuleTable
from waybill.state_reader import EnvelopeStateReader, JwtStateReader
from waybill.strategy import Strategy
from waybill.telemetry import StateMeter, StateMetrics, Way, state_metrics
from waybill.verified_cache import VerifiedCache

SERVICE = orders_pb2.DESCRIPTOR.services_by_name["OrdersService"]

CLAIM_DECODERS = {1: state_v1.from_claims, 2: state_v2.from_claims}
MESSAGE_DECODERS = {1: state_v1.from_message, 2: state_v2.from_message}
LEAF_DECODERS = {1: state_v1.from_leaf, 2: state_v2.from_leaf}
STATE_FAMILY = "shop.state.v{version}.AccessState"
LEAF_FAMILY = "shop.state.v{version}.Grant"


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders service, ready to be served."""

    services: Sequence[GuardedService]
    service_names: Sequence[str]
    checks: Mapping[str, Check]
    _closers: AsyncExitStack

    async def close(self) -> None:
        """Let go of everything, once no call is in work."""
        await self._closers.aclose()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a strategy's factory makes its resolver from, and where it leaves what it opened."""

    settings: Settings
    clock: Callable[[], float]
    state_keys: KeySource
    expectations: Expectations
    verified: VerifiedCache
    providers: Providers | None
    metrics: StateMetrics
    checks: dict[str, Check] = field(default_factory=dict)
    closers: AsyncExitStack = field(default_factory=AsyncExitStack)

    def meter(self, strategy: Strategy) -> StateMeter:
        """What counts the state that comes in under `strategy`."""
        return self.metrics.of(strategy, Way.READ, self.clock)


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
    verified = VerifiedCache(settings.verified_cache_entries, settings.verified_cache_bytes)
    log = make_logger(settings.log_level, service="orders")
    user_keys = keys_from(settings.user_keys, clock, log)
    revocations = revocations_of(settings, clock)
    closers = AsyncExitStack()
    parts = Parts(
        settings,
        clock,
        state_keys(settings, clock, log, closers),
        _expectations(settings, clock, revocations),
        verified,
        providers,
        StateMetrics(providers) if providers else state_metrics(),
        closers=closers,
    )
    if revocations:
        _follow(revocations, parts)
    store = OrderStore(
        open_ledger(settings, clock),
        group_commit=settings.group_commit,
        max_waiting=settings.max_waiting_orders,
        patience_s=2 * settings.database_timeout_s,
    )
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
        {strategy: _metered(strategy, parts) for strategy in settings.strategies},
        store,
    )
    log_unmet(settings, settings.strategies, service="orders")
    guard = make_guard(
        settings,
        field_rules(),
        user_keys,
        verified,
        clock=clock,
        service="orders",
        providers=providers,
    )
    return Orders(
        services=[guard.service(SERVICE, servicer.methods())],
        service_names=[SERVICE.full_name],
        checks=parts.checks,
        _closers=parts.closers,
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
    follower = revocation_follower(parts.settings, _products(parts), revocations, parts.clock)
    parts.closers.push_async_callback(started(follower))


def _metered(strategy: Strategy, parts: Parts) -> Resolver:
    return MeteredResolver(RESOLVERS[strategy](parts), parts.meter(strategy))


def _metadata_jwt(parts: Parts) -> MetadataJwtResolver:
    settings = parts.settings
    return MetadataJwtResolver(
        JwtStateReader(
            parts.state_keys,
            parts.expectations,
            decoders={version: CLAIM_DECODERS[version] for version in settings.state_versions},
            max_bytes=settings.state_budget_bytes,
            cache=parts.verified,
            on_read=parts.meter(Strategy.METADATA_JWT).relied_on,
        )
    )


def _message_field(parts: Parts) -> MessageFieldResolver:
    settings = parts.settings
    return MessageFieldResolver(
        EnvelopeStateReader(
            parts.state_keys,
            parts.expectations,
            family=STATE_FAMILY,
            decoders={version: MESSAGE_DECODERS[version] for version in settings.state_versions},
            max_bytes=settings.state_budget_bytes,
            cache=parts.verified,
            on_read=parts.meter(Strategy.MESSAGE_FIELD).relied_on,
        )
    )


def _direct_call(parts: Parts) -> DirectCallResolver:
    settings = parts.settings
    limits = CacheLimits(
        ttl_s=settings.cache_ttl_s,
        negative_ttl_s=settings.cache_negative_ttl_s,
        jitter=settings.cache_jitter,
        max_entries=settings.cache_entries,
    )
    client = _products(parts)
    resolver = DirectCallResolver(
        client, AnswerCache(limits, time.monotonic), timeout_s=settings.products_timeout_s
    )
    parts.closers.push_async_callback(resolver.close)
    return resolver


def _products(parts: Parts) -> ProductsClient:
    client = connect(parts.settings, parts.providers)
    parts.closers.push_async_callback(client.close)
    return client


def _replica(parts: Parts) -> ReplicaResolver:
    """The copy, with a follower in this process where the settings want it here."""
    settings = parts.settings
    follows = settings.follower == "in-process" and settings.worker <= 1
    writer = open_writer(settings) if follows else None
    if writer is not None:
        parts.closers.push_async_callback(writer.close)
        _follow_whole(parts, writer)
    reader = open_reader(settings, writer, parts.clock)
    parts.closers.push_async_callback(reader.close)
    parts.checks["replica"] = reader.check
    observe_replica(reader, parts.providers.metrics if parts.providers else None)
    return ReplicaResolver(reader)


def _follow_whole(parts: Parts, writer: CopyWriter) -> None:
    follower = Follower(
        open_feed(parts.settings, _products(parts)),
        ReplicaSink(writer, parts.clock),
        name="replica",
        log=make_logger(parts.settings.log_level, service="orders"),
        pace=Pace.within(parts.settings.replica_lag_bound_s),
        clock=parts.clock,
    )
    parts.closers.push_async_callback(started(follower))


def _page_proof(parts: Parts) -> PageProofResolver:
    settings = parts.settings
    return PageProofResolver(
        PageProofReader(
            parts.state_keys,
            parts.expectations,
            family=LEAF_FAMILY,
            decoders={version: LEAF_DECODERS[version] for version in settings.state_versions},
            limits=proof_limits(settings),
            cache=parts.verified,
            on_read=parts.meter(Strategy.PAGE_PROOF).relied_on,
        )
    )


def proof_limits(settings: Settings) -> ProofLimits:
    """The library's limits, or less where the settings allow less state."""
    default = ProofLimits()
    return replace(default, max_bytes=min(default.max_bytes, settings.state_budget_bytes))


def _reference(parts: Parts) -> ReferenceResolver:
    settings = parts.settings
    assert settings.reference_url, "the settings accept the strategy only with a store"
    store = ValkeyReferenceStore(
        settings.reference_url,
        prefix=settings.reference_prefix,
        timeout_s=settings.reference_timeout_s,
    )
    parts.closers.push_async_callback(store.close)
    if settings.default_strategy is Strategy.REFERENCE:
        parts.checks["reference store"] = store.check
    reader = ReferenceReader(
        store,
        parts.expectations,
        family=STATE_FAMILY,
        decoders={version: MESSAGE_DECODERS[version] for version in settings.state_versions},
        max_bytes=settings.state_budget_bytes,
        bounds=CacheBounds(
            ttl_s=settings.reference_cache_ttl_s,
            max_entries=settings.reference_cache_entries,
            max_bytes=settings.reference_cache_bytes,
        ),
        on_read=parts.meter(Strategy.REFERENCE).relied_on,
    )
    parts.closers.push_async_callback(reader.close)
    return ReferenceResolver(reader)


RESOLVERS: Mapping[Strategy, Callable[[Parts], Resolver]] = {
    Strategy.METADATA_JWT: _metadata_jwt,
    Strategy.MESSAGE_FIELD: _message_field,
    Strategy.REPLICA: _replica,
    Strategy.DIRECT_CALL: _direct_call,
    Strategy.PAGE_PROOF: _page_proof,
    Strategy.REFERENCE: _reference,
}
