"""Makes the issuer of each strategy from the parts that all of them share."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from products_svc.budgeted import BudgetedIssuer
from products_svc.issuing import Issuer
from products_svc.settings import Settings
from products_svc.signing_keys import KeyRing
from products_svc.strategies.direct_call import DirectCallIssuer
from products_svc.strategies.message_field import MessageFieldIssuer
from products_svc.strategies.metadata_jwt import MetadataJwtIssuer
from products_svc.strategies.page_proof import PageProofIssuer, PageVersion
from products_svc.strategies.reference import ReferenceIssuer
from products_svc.strategies.replica import ReplicaIssuer
from products_svc.terms import Terms
from products_svc.versions import CODINGS, LEAF_FAMILY, LEAVES, MESSAGE_CODINGS
from waybill.budget import BOTH_WAYS, Budget, chosen_budget
from waybill.header_caps import Use
from waybill.page_signing import PageSigner
from waybill.providers import Providers
from waybill.references.store import ReferenceStore
from waybill.seldom import Seldom
from waybill.serving.logs import make_logger
from waybill.strategy import Strategy
from waybill.telemetry import StateMetrics, Way, state_metrics

WARN_EVERY_S = 60.0
"""Time between two warnings about the same limit."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a strategy's factory makes its issuer from."""

    settings: Settings
    keys: KeyRing
    terms: Terms
    references: ReferenceStore | None


def issuers(parts: Parts, providers: Providers | None) -> Mapping[Strategy, Issuer]:
    """The issuers that the settings accept, each within the budget and counted."""
    settings, budget = parts.settings, _budget(parts.settings)
    metrics = StateMetrics(providers) if providers else state_metrics()
    return {
        strategy: BudgetedIssuer(
            ISSUERS[strategy](parts),
            budget,
            metrics.of(strategy, Way.ISSUED),
            settings.state_versions,
        )
        for strategy in settings.strategies
    }


def _budget(settings: Settings) -> Budget:
    """What all state in metadata must keep to. Its warnings are logged, now and then."""
    log = make_logger(settings.log_level, service="products")

    def warn(use: Use) -> None:
        log.warning("state_near_budget", **use.facts)

    return chosen_budget(
        settings.path_hops,
        settings.state_budget_bytes,
        reserve_bytes=settings.path_reserve_bytes,
        directions=BOTH_WAYS,
        on_warning=Seldom(
            warn, key=lambda use: use.cap, every_s=WARN_EVERY_S, clock=time.monotonic
        ),
    )


def _metadata_jwt(parts: Parts) -> Issuer:
    settings = parts.settings
    claims = CODINGS[settings.id_list_coding]
    versions = {version: claims[version] for version in settings.state_versions}
    return MetadataJwtIssuer(parts.keys, parts.terms, versions)


def _message_field(parts: Parts) -> Issuer:
    messages = MESSAGE_CODINGS[parts.settings.id_list_coding]
    versions = [messages[version] for version in parts.settings.state_versions]
    return MessageFieldIssuer(parts.keys, parts.terms, versions)


def _replica(_parts: Parts) -> Issuer:
    return ReplicaIssuer()


def _direct_call(_parts: Parts) -> Issuer:
    return DirectCallIssuer()


def _page_proof(parts: Parts) -> Issuer:
    versions = [
        PageVersion(LEAVES[version], PageSigner(LEAF_FAMILY, version))
        for version in parts.settings.state_versions
    ]
    return PageProofIssuer(parts.keys, parts.terms, versions)


def _reference(parts: Parts) -> Issuer:
    assert parts.references, "the settings accept the strategy only with a store"
    messages = MESSAGE_CODINGS[parts.settings.id_list_coding]
    versions = [messages[version] for version in parts.settings.state_versions]
    return ReferenceIssuer(parts.references, parts.terms, versions)


ISSUERS: Mapping[Strategy, Callable[[Parts], Issuer]] = {
    Strategy.METADATA_JWT: _metadata_jwt,
    Strategy.MESSAGE_FIELD: _message_field,
    Strategy.REPLICA: _replica,
    Strategy.DIRECT_CALL: _direct_call,
    Strategy.PAGE_PROOF: _page_proof,
    Strategy.REFERENCE: _reference,
}
