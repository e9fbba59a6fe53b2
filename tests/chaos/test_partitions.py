"""Each part on a machine of its own, some of them cut off: no wrong grant, and back by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.netlab import locusts
from loadtest.netlab.__main__ import chosen, stock
from loadtest.netlab.network import Network, NoNetworks, check_possible
from loadtest.netlab.parts import (
    MACHINES,
    NATS,
    ORDERS,
    OVER_GRPC,
    OVER_NATS,
    PRODUCTS,
    VALKEY,
    Parts,
)
from loadtest.netlab.scenario import BOUND_S, Products, Scenario
from waybill.strategy import Strategy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CUT_S = 3 * BOUND_S
"""Two thirds of it come after the revoke, which is longer than any bound."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    try:
        check_possible()
    except NoNetworks as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("netlab")
    with Network(MACHINES) as network, Parts(network, folder, stock()) as running:
        yield running


@pytest.fixture
def products(parts: Parts) -> Products:
    return chosen(parts)


def test_orders_that_lost_the_feed_grants_nothing_late(parts: Parts, products: Products) -> None:
    """One of them follows over NATS, the other by products' own stream; each loses its own."""

    @contextmanager
    def apart() -> Iterator[None]:
        lose = parts.network.cut_between
        with lose(OVER_NATS, NATS), lose(OVER_GRPC, PRODUCTS):
            yield

    with Scenario(parts, products) as scenario:
        outcome = scenario.run("apart", apart, CUT_S)

    assert outcome.revoked_at is not None, "the lab can still reach products"
    assert outcome.wrong == []
    assert outcome.recovered_s is not None
    shares = {
        (orders, each): outcome.served(orders, each, products.kept)
        for orders in ORDERS
        for each in Strategy
    }
    asks = shares.pop((OVER_NATS, Strategy.DIRECT_CALL))  # which has lost nothing
    # A busy machine may miss a deadline anywhere; what is apart misses far more.
    assert all(share < 0.8 for share in shares.values()), "they knew less and less"
    assert asks > max(share for (orders, _), share in shares.items() if orders == OVER_NATS)


def test_only_what_is_kept_in_valkey_needs_it(parts: Parts, products: Products) -> None:
    with Scenario(parts, products) as scenario:
        outcome = scenario.run("store", lambda: parts.network.cut_off(VALKEY), CUT_S)

    assert outcome.wrong == []
    assert outcome.recovered_s is not None
    for orders, needing in (
        (OVER_NATS, {Strategy.REFERENCE}),
        (OVER_GRPC, {Strategy.REFERENCE, Strategy.REPLICA}),
    ):
        shares = {each: outcome.served(orders, each, products.kept) for each in Strategy}
        without = max(shares.pop(each) for each in needing)
        assert without < 0.5
        assert all(share > without for share in shares.values())


def test_a_locust_worker_that_was_cut_off_is_counted(parts: Parts, tmp_path: Path) -> None:
    cut = parts.network.cut_off(locusts.WORKERS[1])

    load = locusts.run(parts, tmp_path, 8, cut)

    assert load.whole, load
