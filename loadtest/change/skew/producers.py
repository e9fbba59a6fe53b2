"""Producers of all versions: the products service's own issuers, with the forms that it has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message

from products_svc.issuing import Issuer
from products_svc.signing_keys import KeyRing
from products_svc.strategies.message_field import MessageFieldIssuer
from products_svc.strategies.metadata_jwt import MetadataJwtIssuer
from products_svc.strategies.page_proof import PageProofIssuer, PageVersion
from products_svc.strategies.reference import ReferenceIssuer
from products_svc.terms import PageState, Terms
from products_svc.versions import CLAIMS, LEAF_FAMILY, LEAVES, MESSAGES
from waybill.page_signing import PageSigner
from waybill.references.store import ReferenceSink
from waybill.strategy import Strategy

Form = TypeVar("Form")

UNKNOWN_FIELD = b"\xa0\x06\x01"
"""Field 100 with the number 1, as protobuf has it on the wire."""


@dataclass(frozen=True, slots=True)
class Forms:
    """What makes the state of each version."""

    claims: Mapping[int, Callable[[PageState], dict[str, Any]]]
    messages: Mapping[int, Callable[[PageState], Message]]
    leaves: Mapping[int, Callable[[PageState], Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class Producer:
    """Issues state of some versions at once."""

    name: str
    versions: Sequence[int]
    forms: Forms = field(default_factory=lambda: Forms(CLAIMS, MESSAGES, LEAVES))

    def issuers(
        self, keys: KeyRing, terms: Terms, store: ReferenceSink
    ) -> Mapping[Strategy, Issuer]:
        """Its issuer of each strategy whose state travels."""
        forms, versions = self.forms, self.versions
        messages = [forms.messages[version] for version in versions]
        pages = [PageVersion(forms.leaves[v], PageSigner(LEAF_FAMILY, v)) for v in versions]
        claims = {version: forms.claims[version] for version in versions}
        return {
            Strategy.METADATA_JWT: MetadataJwtIssuer(keys, terms, claims),
            Strategy.MESSAGE_FIELD: MessageFieldIssuer(keys, terms, messages),
            Strategy.PAGE_PROOF: PageProofIssuer(keys, terms, pages),
            Strategy.REFERENCE: ReferenceIssuer(store, terms, messages),
        }


def producers() -> Sequence[Producer]:
    """One for each choice of versions, and one of tomorrow."""
    return (
        Producer("v1", (1,)),
        Producer("v1 and v2", (1, 2)),
        Producer("v2", (2,)),
        Producer("v2, new fields", (2,), _newer()),
    )


def _newer() -> Forms:
    """Version 2 with a claim, a value of each grant, and a field that nobody knows yet."""
    return Forms({2: _claims}, {2: _message}, {2: _leaves})


def _claims(state: PageState) -> dict[str, Any]:
    grants = [[*grant, "gift-wrapped"] for grant in _listed(state)]
    return {"grants": grants, "campaign": "autumn"}


def _listed(state: PageState) -> list[list[object]]:
    known: Any = CLAIMS[2](state)["grants"]
    return list(known)


def _message(state: PageState) -> Message:
    message = MESSAGES[2](state)
    message.MergeFromString(UNKNOWN_FIELD)
    return message


def _leaves(state: PageState) -> Sequence[bytes]:
    return [leaf + UNKNOWN_FIELD for leaf in LEAVES[2](state)]
