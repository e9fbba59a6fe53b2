"""State that would not pass the path stays with the client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.api import ShopClient
from client.channels import Limits
from client.errors import OverBudget
from tests.integration.client_terminal import Client, FakeShop, fake_shop
from waybill.strategy import Strategy
from waybill.testing import FakeClock

JWT = ("--strategy", "metadata-jwt", "--max-metadata-bytes", "1000000")


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with fake_shop(FakeClock()) as shop:
        yield shop


@pytest.fixture
def client(tmp_path: Path, shop: FakeShop) -> Client:
    client = Client(tmp_path, shop.products_target, shop.orders_target, shop.script.clock)
    assert client.run("login", "alice").code == 0
    return client


def listed(client: Client, shop: FakeShop, products: int, *options: str) -> int:
    """Lists so many products on one page; returns the number of calls until then."""
    shop.script.catalogue = [f"product-{n:04}" for n in range(products)]
    client.json("list", "--page-size", str(products), *JWT, *options)
    return len(shop.script.received)


def test_the_refusal_says_how_many_bytes_which_hop_and_what_else_to_do(
    client: Client, shop: FakeShop
) -> None:
    calls = listed(client, shop, 400)
    path = ("--path-hops", "grpcio client, nginx, grpcio server:tuned")
    ran = client.run("order", "product-0000", *JWT, *path, "--json")
    assert (ran.code, ran.error["reason"]) == (7, "STATE_TOO_LARGE")
    assert ran.error["message"].startswith("not sent")
    facts = ran.error["facts"]
    assert (facts["hop"], facts["directive"]) == ("nginx", "large_client_header_buffers")
    assert (facts["counted"], facts["max_bytes"]) == ("one value", "8192")
    assert int(facts["bytes"]) > 8192
    for way_out in ("--page-size", "message-field", "page-proof", "directive"):
        assert way_out in ran.error["advice"]
    assert len(shop.script.received) == calls


def test_the_path_can_come_from_the_environment(client: Client, shop: FakeShop) -> None:
    listed(client, shop, 600)
    narrow = client.run("order", "product-0000", *JWT, "--json")
    assert narrow.error["facts"]["hop"] == "grpcio server"
    tuned = client.run("state", *JWT, WAYBILL_PATH_HOPS="grpcio server:tuned")
    assert "grpcio server:tuned allows 64,511" in tuned.out


@pytest.mark.parametrize("manner", ["option", "variable"])
def test_an_unknown_hop_is_a_wrong_command_line(client: Client, manner: str) -> None:
    if manner == "option":
        ran = client.run("state", "--path-hops", "ngnix")
    else:
        ran = client.run("state", WAYBILL_PATH_HOPS="ngnix")
        assert "WAYBILL_PATH_HOPS" in ran.err
    assert ran.code == 2
    assert "ngnix" in ran.err
    assert "nginx:tuned" in ran.err, "the known ones are listed"


def test_a_budget_by_hand_is_no_hops(client: Client, shop: FakeShop) -> None:
    listed(client, shop, 5)
    ran = client.run("order", "product-0000", *JWT, "--state-budget", "100", "--json")
    assert ran.error["facts"] == {"bytes": ran.error["facts"]["bytes"], "max_bytes": "100"}
    shown = client.run("state", *JWT, "--state-budget", "100")
    assert "; the budget allows 100" in shown.out


def test_state_shows_the_narrowest_hop(client: Client, shop: FakeShop) -> None:
    listed(client, shop, 5)
    (shown,) = client.json("state", *JWT)["strategies"]
    assert (shown["metadata_budget_bytes"], shown["narrowest_hop"]) == (7168, "grpcio server")
    assert shown["budget_use"]["bytes"] == str(shown["metadata_bytes"])
    (free,) = client.json("state", *JWT, "--state-budget", "0")["strategies"]
    assert (free["metadata_budget_bytes"], free["narrowest_hop"]) == (0, None)


def test_an_order_close_to_the_budget_says_so(client: Client, shop: FakeShop) -> None:
    listed(client, shop, 5)
    ran = client.json("order", "product-0000", *JWT, "--state-budget", "10000")
    assert "near_budget" not in ran
    size = ran["carried_bytes"]
    near = client.run("order", "product-0000", *JWT, "--state-budget", str(size))
    assert "close to the budget" in near.out
    document = client.json("order", "product-0000", *JWT, "--state-budget", str(size))
    assert document["near_budget"] == {"bytes": str(size), "max_bytes": str(size)}


def test_a_long_credential_leaves_less_for_state(shop: FakeShop) -> None:
    def budget(token: str) -> int:
        limits = Limits(max_metadata_bytes=1_000_000)
        shop.script.catalogue = [f"product-{n:04}" for n in range(400)]
        targets = (shop.products_target, shop.orders_target)
        with ShopClient(*targets, token, strategy=Strategy.METADATA_JWT, limits=limits) as one:
            one.list(400)
            with pytest.raises(OverBudget) as over:
                one.order({"product-0000": 1})
        return int(over.value.facts["max_bytes"])

    assert budget("t" * 200) == budget("t" * 300) == 7168
    assert budget("t" * 2000) - budget("t" * 3000) == 1000


def test_a_shop_client_refuses_unknown_hops() -> None:
    limits = Limits(path_hops=["ngnix"])
    with pytest.raises(ValueError, match="known are"):
        ShopClient("127.0.0.1:1", "127.0.0.1:2", "a.b.c", limits=limits)
