"""Choosing a strategy, deciding, and page tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_svc import page_token
from orders_svc.access import Grant
from orders_svc.decide import decide
from orders_svc.orders import PlacedLine
from shop.orders.v1.orders_pb2 import OrderLine
from waybill.choosing import StrategyChoice
from waybill.errors import InvalidRequest, NotGranted, StrategyNotAccepted
from waybill.metadata import STRATEGY
from waybill.strategy import Strategy

CHOICE = StrategyChoice({Strategy.REPLICA, Strategy.METADATA_JWT}, Strategy.REPLICA)


def test_a_call_without_a_wish_gets_the_default() -> None:
    assert CHOICE.of([("x", "y")]) is Strategy.REPLICA


def test_a_call_gets_its_wish_among_the_accepted() -> None:
    assert CHOICE.of([(STRATEGY, "metadata-jwt")]) is Strategy.METADATA_JWT


def test_a_wish_cannot_widen_the_accepted_strategies() -> None:
    with pytest.raises(StrategyNotAccepted) as refusal:
        CHOICE.of([(STRATEGY, "direct-call")])
    assert refusal.value.facts == {"accepted": "metadata-jwt,replica"}


@pytest.mark.parametrize("wishes", [["carrier-pigeon"], [""], ["REPLICA"], ["replica", "replica"]])
def test_wishes_that_are_no_one_strategy_are_invalid(wishes: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        CHOICE.of([(STRATEGY, wish) for wish in wishes])
    assert list(refusal.value.violations) == [STRATEGY]


def test_a_default_that_is_not_accepted_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="default"):
        StrategyChoice({Strategy.REPLICA}, Strategy.METADATA_JWT)


GRANTS = {
    "any": Grant("any", 0, 5, 7),
    "two": Grant("two", 2, None, 8),
}


def line(product_id: str, quantity: int) -> OrderLine:
    return OrderLine(product_id=product_id, quantity=quantity)


def test_granted_lines_are_placed_in_order_with_price_and_revision() -> None:
    assert decide([line("two", 2), line("any", 1_000_000)], GRANTS) == (
        PlacedLine("two", 2, None, 8),
        PlacedLine("any", 1_000_000, 5, 7),
    )


def test_a_refusal_names_every_refused_product() -> None:
    with pytest.raises(NotGranted) as refusal:
        decide([line("no", 1), line("two", 3), line("any", 1), line("never", 1)], GRANTS)
    assert refusal.value.facts == {"product_ids": "no,never,two", "over_maximum": "two:2"}


def test_a_refusal_stays_small_enough_for_trailing_metadata() -> None:
    with pytest.raises(NotGranted) as refusal:
        decide([line(f"{i:064}", 1) for i in range(100)], GRANTS)
    assert len(refusal.value.facts["product_ids"]) < 2000


@given(st.integers(0, 2**63 - 1))
def test_page_tokens_come_back(before: int) -> None:
    token = page_token.encode(before)
    assert page_token.decode(token) == before
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def test_an_empty_token_is_the_first_page() -> None:
    assert page_token.decode("") is None
    assert page_token.encode(None) == ""


@given(st.text("ABCabc019_-", min_size=1, max_size=20) | st.text(min_size=1, max_size=14))
def test_any_text_is_a_token_or_invalid(token: str) -> None:
    try:
        before = page_token.decode(token)
    except InvalidRequest:
        return
    assert page_token.encode(before) == token


def test_a_broken_token_is_blamed_on_its_field() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        page_token.decode("broken")
    assert list(refusal.value.violations) == ["page_token"]
