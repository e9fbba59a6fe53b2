"""Makes the resolver of each strategy from the parts that all of them share."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from orders_svc.access import Resolver
from orders_svc.feed.follower import Follower, started
from orders_svc.feed.opening import open_feed
from orders_svc.feed.pace import Pace
from orders_svc.metered import MeteredResolver
from orders_svc.products_client import ProductsClient, connect
from orders_svc.replica.copy import CopyWriter
from orders_svc.replica.metrics import observe as observe_replica
from orders_svc.replica.opening import open_reader, open_writer
from orders_svc.replica.sink import ReplicaSink
from orders_svc.settings import Settings
from orders_svc.strategies.direct_call import DirectCallResolver
from orders_svc.strategies.message_field import MessageFieldResolver
from orders_svc.strategies.metadata_jwt import MetadataJwtResolver
from orders_svc.strategies.page_proof import PageProofResolver
from orders_svc.strategies.reference import ReferenceResolver
from orders_svc.strategies.replica import ReplicaResolver
from orders_svc.versions import (
    CLAIM_DECODERS,
    LEAF_DECODERS,
    LEAF_FAMILY,
    MESSAGE_DECODERS,
    STATE_FAMILY,
)
from waybill.answer_cache import AnswerCache, CacheLimits
from waybill.expectations import Expectations
from waybill.keys import KeySource
from waybill.page_proof import PageProofReader, ProofLimits
from waybill.providers import Providers
from waybill.references.cache import CacheBounds
from waybill.references.reader import ReferenceReader
from waybill.references.valkey_store import ValkeyReferenceStore
from waybill.serving.health import Check
from waybill.serving.logs import make_logger
from waybill.state_reader import EnvelopeStateReader, JwtStateReader
from waybill.strategy import Strategy
from waybill.telemetry import StateMeter, StateMetrics, Way
from waybill.verified_cache import VerifiedCache


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


def metered(strategy: Strategy, parts: Parts) -> Resolver:
    """The resolver of `strategy`, with its state counted."""
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
    client = products_client(parts)
    resolver = DirectCallResolver(
        client, AnswerCache(limits, time.monotonic), timeout_s=settings.products_timeout_s
    )
    parts.closers.push_async_callback(resolver.close)
    return resolver


def products_client(parts: Parts) -> ProductsClient:
    """A way to the products service, closed with the rest."""
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
        open_feed(parts.settings, products_client(parts)),
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

_CARRIED = ("state keys", "revocations")

NEEDS: Mapping[Strategy, Sequence[str]] = {
    Strategy.METADATA_JWT: _CARRIED,
    Strategy.MESSAGE_FIELD: _CARRIED,
    Strategy.REPLICA: ("replica",),
    Strategy.DIRECT_CALL: (),  # products may be away: its answers are cached, and it comes back
    Strategy.PAGE_PROOF: _CARRIED,
    Strategy.REFERENCE: ("reference store", "revocations"),
}
"""The health checks that a strategy's calls depend on, and calls by other strategies need not."""
