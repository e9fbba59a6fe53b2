"""Which names of health depend on which checks."""

import pytest

from orders_svc.resolvers import NEEDS
from waybill.serving.strategy_health import EVERY_STRATEGY, strategy_needs
from waybill.strategy import Strategy

SERVICE = "shop.orders.v1.OrdersService"
ALWAYS = {"database", "user keys"}
CHECKS = (*ALWAYS, "state keys", "replica", "reference store", "revocations")
CARRIED = {"state keys", "revocations"}


@pytest.mark.parametrize(
    ("default", "more"),
    [
        (Strategy.METADATA_JWT, CARRIED),
        (Strategy.MESSAGE_FIELD, CARRIED),
        (Strategy.REPLICA, {"replica"}),
        (Strategy.DIRECT_CALL, set()),
        (Strategy.PAGE_PROOF, CARRIED),
        (Strategy.REFERENCE, {"reference store", "revocations"}),
    ],
)
def test_the_service_needs_what_its_default_needs_and_no_other(
    default: Strategy, more: set[str]
) -> None:
    needs = strategy_needs(SERVICE, CHECKS, NEEDS, default)
    assert needs[""] == needs[SERVICE] == needs[f"{SERVICE}/{default}"] == ALWAYS | more
    assert needs[EVERY_STRATEGY] == set(CHECKS)
    assert needs[f"{SERVICE}/replica"] == {*ALWAYS, "replica"}


def test_what_is_not_configured_is_not_needed() -> None:
    needs = strategy_needs(SERVICE, ["database"], NEEDS, Strategy.REPLICA)
    assert all(names == {"database"} for names in needs.values())


def test_every_strategy_says_what_it_needs() -> None:
    assert set(NEEDS) == set(Strategy)
