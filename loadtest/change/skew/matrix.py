"""Every producer's state before every consumer: issue, carry, verify and decide, as services do."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from client.carriers.base import KeptPage
from client.carriers.table import CARRIERS
from loadtest.change.skew.consumers import AUDIENCE, ISSUER, Consumer, consumers
from loadtest.change.skew.probes import GRANTS, TRIES, Answer, Try, judged, met
from loadtest.change.skew.producers import Producer, producers
from loadtest.change.skew.record import Meeting
from orders_svc.access import AccessQuery, Resolver
from orders_svc.decide import decide
from products_svc.issuing import AccessPage, Issuer
from products_svc.terms import Terms
from shop.orders.v1.orders_pb2 import OrderLine
from waybill.errors import WaybillError
from waybill.keys import KeySet, StaticKeys
from waybill.references.testing import MemoryReferenceStore
from waybill.signing import SigningKey
from waybill.status import code_of
from waybill.strategy import Strategy

SUBJECT = "customer"
REVISION = 7
TTL_S = 300


class OneKey:
    """Signs with the same key for ever; a `products_svc.signing_keys.KeyRing`."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def current(self) -> SigningKey:
        """The key."""
        return self._key


async def matrix(
    strategies: Iterable[Strategy], made_by: Callable[[], Sequence[Producer]] = producers
) -> Mapping[Strategy, Sequence[Meeting]]:
    """All meetings of each strategy whose state travels."""
    key, store = SigningKey.generate(), MemoryReferenceStore(time.time)
    trusted = StaticKeys(KeySet.of(key.verifying_key()))
    terms = Terms(ISSUER, AUDIENCE, TTL_S, time.time)
    issuing = [(each, each.issuers(OneKey(key), terms, store)) for each in made_by()]
    reading = [(each, each.resolvers(trusted, store)) for each in consumers()]
    return {
        strategy: [
            await _meeting(strategy, producer, issuers[strategy], consumer, resolvers[strategy])
            for producer, issuers in issuing
            for consumer, resolvers in reading
        ]
        for strategy in strategies
    }


async def _meeting(
    strategy: Strategy,
    producer: Producer,
    issuer: Issuer,
    consumer: Consumer,
    resolver: Resolver,
) -> Meeting:
    issued = await issuer.issue(AccessPage(SUBJECT, GRANTS, REVISION))
    product_ids = frozenset(grant.product_id for grant in GRANTS)
    page = KeptPage(product_ids, REVISION, CARRIERS[strategy].keep(issued))
    answers = [(each, await _answer(strategy, page, each, resolver)) for each in TRIES]
    return met(producer.name, consumer.name, consumer.reader, (judged(*each) for each in answers))


async def _answer(strategy: Strategy, page: KeptPage, tried: Try, resolver: Resolver) -> Answer:
    carried = CARRIERS[strategy].carry([page], [tried.product_id])
    query = AccessQuery(
        subject=SUBJECT,
        product_ids=[tried.product_id],
        min_revision=0,
        metadata=carried.metadata,
        envelopes=carried.envelopes,
        time_left_s=None,
        proofs=carried.proofs,
    )
    line = OrderLine(product_id=tried.product_id, quantity=tried.quantity)
    try:
        (placed,) = decide([line], await resolver.resolve(query))
    except WaybillError as error:
        return Answer(refusal=f"{code_of(error).name} {error.reason}")
    return Answer(price=placed.unit_price_micros)
