"""What the code and the settings say of the contracts, to hold the register to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from google.protobuf.descriptor_pool import Default

import orders_svc.bootstrap
import products_svc.bootstrap
from orders_svc import versions as orders
from orders_svc.settings import Settings as OrdersSettings
from products_svc import versions as products
from products_svc.settings import VERSIONS as PRODUCTS_VERSIONS
from products_svc.settings import Settings as ProductsSettings
from waybill.metadata import PROOF, REFERENCE, state_key
from waybill.register import Register, StateEntry, Status
from waybill.strategy import Strategy

Versions = Mapping[int, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """What one service can issue or read: the table of codecs of each strategy that carries."""

    service: str
    verb: str
    tables: Mapping[Strategy, Versions]
    defaults: tuple[int, ...]
    """The versions that its settings choose by default."""


ISSUING = Side(
    "products",
    "issues",
    {
        Strategy.METADATA_JWT: products.CLAIMS,
        Strategy.MESSAGE_FIELD: products.MESSAGES,
        Strategy.PAGE_PROOF: products.LEAVES,
        Strategy.REFERENCE: products.MESSAGES,
    },
    ProductsSettings.model_fields["state_versions"].default,
)
READING = Side(
    "orders",
    "reads",
    {
        Strategy.METADATA_JWT: orders.CLAIM_DECODERS,
        Strategy.MESSAGE_FIELD: orders.MESSAGE_DECODERS,
        Strategy.PAGE_PROOF: orders.LEAF_DECODERS,
        Strategy.REFERENCE: orders.MESSAGE_DECODERS,
    },
    OrdersSettings.model_fields["state_versions"].default,
)
KEYS: Mapping[Strategy, str] = {
    Strategy.METADATA_JWT: state_key(0).removesuffix("0") + "{version}",
    Strategy.PAGE_PROOF: PROOF,
    Strategy.REFERENCE: REFERENCE,
}
"""The metadata key of each strategy that has one; `{version}` stands for the number."""


def problems(register: Register, issuing: Side = ISSUING, reading: Side = READING) -> Iterator[str]:
    """Where the register and the code say different things, and what to do."""
    for side, parties in ((issuing, "issuers"), (reading, "readers")):
        yield from _unequal(register, side, parties)
        yield from _by_default(register, side)
    for state in register.states:
        yield from _places(state)
        yield from _types(state)
    yield from _methods(register)
    yield from _settled(issuing)


def _unequal(register: Register, side: Side, parties: str) -> Iterator[str]:
    declared = {
        (state.strategy, state.version)
        for state in register.states
        if state.status is not Status.REMOVED and side.service in getattr(state, parties)
    }
    coded = {(strategy, version) for strategy, table in side.tables.items() for version in table}
    for strategy, version in sorted(coded - declared):
        yield (
            f"{side.service} {side.verb} {strategy} version {version}, and the register does not "
            f"say so: add it to protos/contracts.toml, or take its codec away"
        )
    for strategy, version in sorted(declared - coded):
        yield (
            f"the register says that {side.service} {side.verb} {strategy} version {version}, and "
            f"it has no codec for it: set its status to removed, or bring the codec back"
        )


def _by_default(register: Register, side: Side) -> Iterator[str]:
    for state in register.states:
        chosen = state.version in side.defaults
        if side.verb == "issues" and chosen and state.status is not Status.CURRENT:
            yield f"{state.name} is {state.status}, and {side.service} issues it by default"
        if side.verb == "reads" and not chosen and state.status is Status.CURRENT:
            yield f"{state.name} is current, and {side.service} does not read it by default"


def _places(state: StateEntry) -> Iterator[str]:
    key = KEYS.get(state.strategy, "").format(version=state.version)
    if state.key != key:
        yield f"{state.name} travels under {key or 'no key'}, not {state.key or 'none'}"
    for place in state.fields:
        message, _, name = place.rpartition(".")
        try:
            Default().FindMessageTypeByName(message).fields_by_name[name]
        except KeyError:
            yield f"{state.name}: there is no field {place}"


def _types(state: StateEntry) -> Iterator[str]:
    expected = {
        Strategy.METADATA_JWT: f"{state_key(state.version)}+jwt",
        Strategy.PAGE_PROOF: orders.LEAF_FAMILY.format(version=state.version),
    }.get(state.strategy, orders.STATE_FAMILY.format(version=state.version))
    if state.type != expected:
        yield f"{state.name} is {expected}, not {state.type}"
    make = products.MESSAGES.get(state.version)
    if state.strategy is Strategy.MESSAGE_FIELD and make is not None:
        made = get_type_hints(make)["return"].DESCRIPTOR.full_name
        if made != state.type:
            yield f"{state.name}: products makes {made}, and orders expects {state.type}"


def _methods(register: Register) -> Iterator[str]:
    declared = {edge[2] for edge in register.call_edges()}
    services = (products_svc.bootstrap.SERVICE, orders_svc.bootstrap.SERVICE)
    offered = {f"{each.full_name}/{method.name}" for each in services for method in each.methods}
    for name in sorted(declared - offered):
        yield f"the register has calls of {name}, which no service offers"
    for name in sorted(offered - declared):
        yield f"nobody calls {name} according to the register: add its caller"


def _settled(issuing: Side) -> Iterator[str]:
    versions = {version for table in issuing.tables.values() for version in table}
    if versions != set(PRODUCTS_VERSIONS):
        yield f"products has codecs of {sorted(versions)}, its settings allow {PRODUCTS_VERSIONS}"
    if products.LEAF_FAMILY != orders.LEAF_FAMILY:
        yield f"products signs leaves {products.LEAF_FAMILY}, orders reads {orders.LEAF_FAMILY}"
