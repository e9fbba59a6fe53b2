"""Consumers of all versions: the orders service's own resolvers and decision, and strict ones."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.change.skew import strict
from loadtest.change.skew.strict import OneVersion, OneVersionSource
from orders_svc.access import Grant, Resolver
from orders_svc.grants import Grants
from orders_svc.strategies.message_field import MessageFieldResolver
from orders_svc.strategies.metadata_jwt import MetadataJwtResolver
from orders_svc.strategies.page_proof import PageProofResolver
from orders_svc.strategies.reference import ReferenceResolver
from orders_svc.versions import (
    CLAIM_DECODERS,
    LEAF_DECODERS,
    LEAF_FAMILY,
    MESSAGE_DECODERS,
    STATE_FAMILY,
)
from waybill.expectations import Expectations
from waybill.keys import KeySource
from waybill.metadata import state_key
from waybill.page_proof import PageProofReader
from waybill.references.reader import ReferenceReader
from waybill.references.store import ReferenceSource
from waybill.state_reader import EnvelopeStateReader, JwtStateReader
from waybill.strategy import Strategy
from waybill.values import State

ISSUER, AUDIENCE = "products", "orders"


@dataclass(frozen=True, slots=True)
class Decoders:
    """What reads the state of each version."""

    claims: Mapping[int, Callable[[Mapping[str, Any]], Grants]]
    messages: Mapping[int, Callable[[bytes], State[Grants]]]
    leaves: Mapping[int, Callable[[bytes, int], Grant]]


@dataclass(frozen=True, slots=True)
class Consumer:
    """Reads state of some versions."""

    name: str
    reader: str
    resolvers: Callable[[KeySource, ReferenceSource], Mapping[Strategy, Resolver]]


def consumers() -> Sequence[Consumer]:
    """Tolerant ones for each choice of versions, and a strict one for each version."""
    return (
        *(_tolerant(versions) for versions in ((1,), (1, 2), (2,))),
        *(_strict(version) for version in (1, 2)),
    )


def _tolerant(versions: Sequence[int]) -> Consumer:
    decoders = Decoders(
        {version: CLAIM_DECODERS[version] for version in versions},
        {version: MESSAGE_DECODERS[version] for version in versions},
        {version: LEAF_DECODERS[version] for version in versions},
    )
    name = " and ".join(f"v{version}" for version in versions)
    return Consumer(name, "tolerant", lambda keys, store: _resolvers(decoders, keys, store))


def _strict(version: int) -> Consumer:
    decoders = Decoders(
        {version: strict.strict_claims(version, CLAIM_DECODERS[version])},
        {version: strict.strict_message(version, MESSAGE_DECODERS[version])},
        {version: strict.strict_leaf(version, LEAF_DECODERS[version])},
    )

    def resolvers(keys: KeySource, store: ReferenceSource) -> Mapping[Strategy, Resolver]:
        made = _resolvers(decoders, keys, OneVersionSource(store, STATE_FAMILY, version))
        jwt, field = made[Strategy.METADATA_JWT], made[Strategy.MESSAGE_FIELD]
        proof, own_type = made[Strategy.PAGE_PROOF], STATE_FAMILY.format(version=version)
        return {
            **made,
            Strategy.METADATA_JWT: OneVersion(jwt, strict.keys_shown, state_key(version)),
            Strategy.MESSAGE_FIELD: OneVersion(field, strict.types_shown, own_type),
            Strategy.PAGE_PROOF: OneVersion(proof, strict.proofs_shown, str(version)),
        }

    return Consumer(f"v{version}", "strict", resolvers)


def _resolvers(
    decoders: Decoders, keys: KeySource, store: ReferenceSource
) -> Mapping[Strategy, Resolver]:
    expected = Expectations(ISSUER, AUDIENCE, time.time, leeway_s=5)
    jwt = JwtStateReader(keys, expected, decoders=decoders.claims)
    envelopes = EnvelopeStateReader(keys, expected, family=STATE_FAMILY, decoders=decoders.messages)
    proofs = PageProofReader(keys, expected, family=LEAF_FAMILY, decoders=decoders.leaves)
    references = ReferenceReader(store, expected, family=STATE_FAMILY, decoders=decoders.messages)
    return {
        Strategy.METADATA_JWT: MetadataJwtResolver(jwt),
        Strategy.MESSAGE_FIELD: MessageFieldResolver(envelopes),
        Strategy.PAGE_PROOF: PageProofResolver(proofs),
        Strategy.REFERENCE: ReferenceResolver(references),
    }
