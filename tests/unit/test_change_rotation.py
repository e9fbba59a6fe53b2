"""Keys that change, and keys that nobody has."""

import json
import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.carriers.base import KeptPage
from client.carriers.table import CARRIERS
from loadtest.change.crowd.unknown_keys import renamed, under_unknown_key
from loadtest.change.crowd.values import Kind
from loadtest.change.rotation.experiment import summed_up
from loadtest.change.rotation.fetches import fetches, most_at_once
from loadtest.change.rotation.record import KeyFetch
from loadtest.change.rotation.show import rotation_parts
from loadtest.change.skew.consumers import AUDIENCE, ISSUER, consumers
from loadtest.change.skew.matrix import REVISION, SUBJECT, OneKey
from loadtest.change.skew.probes import GRANTS
from loadtest.change.skew.producers import producers
from loadtest.change.timeline import Span
from loadtest.listing import ListedPage, credentials
from loadtest.table import console
from orders_svc.access import AccessQuery
from products_svc.issuing import AccessPage
from products_svc.terms import Terms
from tests.unit.change_samples import REFUSED, outcome
from tests.unit.crypto_kit import KEY
from waybill.errors import StateInvalid
from waybill.keys import KeySet
from waybill.references.testing import MemoryReferenceStore
from waybill.signing import sign_jwt
from waybill.strategy import Strategy

SIGNED = [Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD, Strategy.PAGE_PROOF]
TOKEN = sign_jwt({"sub": SUBJECT}, KEY, typ="at+jwt")


class CountingKeys:
    """Trusts one key, and counts who asks for others."""

    def __init__(self) -> None:
        self.missing = 0

    def current(self, *, missing: str | None = None) -> KeySet:
        self.missing += missing is not None
        return KeySet.of(KEY.verifying_key())


async def listed(strategy: Strategy, store: MemoryReferenceStore) -> ListedPage:
    terms = Terms(ISSUER, AUDIENCE, 300, time.time)
    issuers = producers()[2].issuers(OneKey(KEY), terms, store)
    issued = await issuers[strategy].issue(AccessPage(SUBJECT, GRANTS, REVISION))
    product_ids = [grant.product_id for grant in GRANTS]
    kept = KeptPage(frozenset(product_ids), REVISION, CARRIERS[strategy].keep(issued))
    return ListedPage(strategy, product_ids, credentials(strategy, TOKEN), kept, "")


def query(page: ListedPage) -> AccessQuery:
    carried = page.carried("plain")
    return AccessQuery(
        *(SUBJECT, ["plain"], 0, carried.metadata, carried.envelopes, None, carried.proofs)
    )


@pytest.mark.parametrize("strategy", SIGNED)
async def test_an_unknown_key_is_looked_for_and_the_order_refused(strategy: Strategy) -> None:
    store, keys, random = MemoryReferenceStore(time.time), CountingKeys(), Random(1)
    page = await listed(strategy, store)
    resolver = consumers()[2].resolvers(keys, store)[strategy]
    assert await resolver.resolve(query(page))
    for number in range(1, 4):
        with pytest.raises(StateInvalid):
            await resolver.resolve(query(under_unknown_key(page, random)))
        assert keys.missing == number


@pytest.mark.parametrize("strategy", sorted(set(Strategy) - set(SIGNED)))
async def test_where_nothing_signed_travels_it_is_the_token_that_names_another_key(
    strategy: Strategy,
) -> None:
    page = await listed(Strategy.REFERENCE, MemoryReferenceStore(time.time))
    forged = under_unknown_key(page, Random(1))
    assert forged.kept == page.kept
    assert forged.credentials != page.credentials
    assert dict(forged.credentials)["waybill-strategy"] == "reference"


def test_a_renamed_token_differs_in_its_key_alone() -> None:
    header, *rest = renamed(TOKEN, "other").split(".")
    assert rest == TOKEN.split(".")[1:]
    assert header != TOKEN.split(".")[0]


def line(event: str, cause: str, at: str, path: str = "/home/products-jwks.json") -> str:
    return json.dumps({"event": event, "cause": cause, "timestamp": at, "path": path})


def test_the_log_tells_fetches_but_for_regular_ones_that_brought_nothing() -> None:
    lines = [
        line("keys_loaded", "time", "1970-01-01T00:01:00Z"),
        line("keys_looked_at", "time", "1970-01-01T00:01:01Z"),
        line("keys_looked_at", "missing-key", "1970-01-01T00:01:02Z", "/home/users-jwks.json"),
        line("refused", "missing-key", "1970-01-01T00:01:03Z"),
        "no JSON",
    ]
    first, second = fetches(lines, begin=50)
    assert first == KeyFetch(keys="products-jwks.json", at_s=10, cause="time", changed=True)
    assert second == KeyFetch(keys="users-jwks.json", at_s=12, cause="missing-key", changed=False)


FETCHES = st.builds(
    KeyFetch,
    keys=st.sampled_from(["state", "users"]),
    at_s=st.floats(0, 120),
    cause=st.sampled_from(["time", "missing-key"]),
    changed=st.booleans(),
)


@given(st.lists(FETCHES), st.floats(0, 60))
def test_the_most_at_once_is_found_wherever_it_is(found: list[KeyFetch], more_s: float) -> None:
    most = most_at_once(found)
    missing = [each for each in found if each.cause == "missing-key"]
    assert most <= len(missing)
    assert (most > 0) == bool(missing)
    if missing:
        again = missing[0].model_copy(update={"at_s": missing[0].at_s + more_s})
        assert most_at_once([missing[0], again]) == (2 if again.at_s < missing[0].at_s + 30 else 1)


def test_orders_and_forgeries_are_counted_apart_and_shown() -> None:
    outcomes = [
        *(outcome(1), outcome(2, REFUSED), outcome(3, kind=Kind.NEW)),
        outcome(4, "UNAUTHENTICATED STATE_INVALID", kind=Kind.FORGER),
        outcome(5, kind=Kind.FORGER),
    ]
    missing = KeyFetch(keys="state", at_s=1, cause="missing-key", changed=False)
    made = summed_up("replica", outcomes, Span(0, 10), [3.0], [missing], 1)
    assert (made.wanted, made.failed, made.forged, made.forged_served) == (3, {REFUSED: 1}, 2, 1)
    assert made.forged_refused == {"UNAUTHENTICATED STATE_INVALID": 1}
    assert (made.rotated_s, made.most_in_30_s) == ((3.0,), 1)
    out = console()
    with out.capture() as shown:
        for part in rotation_parts([made]):
            out.print(part)
    assert f"replica: 1 {REFUSED}" in shown.get()
    assert list(rotation_parts([])) == []
