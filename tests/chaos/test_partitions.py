"""Each part on a machine of its own, some of them cut off: no wrong grant, and back by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.netlab import locusts
from loadtest.netlab.__main__ import chosen, stock
from loadtest.netlab.network import Network, NoNetworks, check_possible
from loadtest.netlab.parts import MACHINES, ORDERS, PRODUCTS, VALKEY, Parts
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


def test_orders_that_lost_products_grants_nothing_late(parts: Parts, products: Products) -> None:
    with Scenario(parts, products) as scenario:
        outcome = scenario.run(
            "apart", lambda: parts.network.cut_between(ORDERS[0], PRODUCTS), CUT_S
        )

    assert outcome.revoked_at is not None, "the lab can still reach products"
    assert outcome.wrong == []
    assert outcome.recovered_s is not None
    for strategy in Strategy:
        # A busy machine may miss a deadline anywhere; what is apart misses far more.
        cut, whole = (outcome.served(orders, strategy, products.kept) for orders in ORDERS)
        assert cut < 0.8, "it knew less and less"
        assert whole > cut, "the other one lost nothing"


def test_only_references_need_their_store(parts: Parts, products: Products) -> None:
    with Scenario(parts, products) as scenario:
        outcome = scenario.run("store", lambda: parts.network.cut_off(VALKEY), CUT_S)

    assert outcome.wrong == []
    assert outcome.recovered_s is not None
    shares = {each: outcome.served(ORDERS[0], each, products.kept) for each in Strategy}
    reference = shares.pop(Strategy.REFERENCE)
    assert reference < 0.5
    assert all(share > reference for share in shares.values())


def test_a_locust_worker_that_was_cut_off_is_counted(parts: Parts, tmp_path: Path) -> None:
    cut = parts.network.cut_off(locusts.WORKERS[1])

    load = locusts.run(parts, tmp_path, 8, cut)

    assert load.exit_codes == (0, 0, 0)
    assert load.total_answered == sum(load.workers_answered)
    assert all(load.workers_answered)
