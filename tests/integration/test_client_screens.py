"""What people see, as it stands on terminals of 80 and 100 columns and on pipes."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.client_terminal import Client, FakeShop, fake_shop
from waybill.errors import NotGranted
from waybill.testing import FakeClock

LONG_IDS = ["01890a5d-ac96-774b-bcce-b302099a8057", "x" * 64]
PIPE = 0


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with fake_shop(FakeClock()) as shop:
        yield shop


@pytest.fixture
def client(tmp_path: Path, shop: FakeShop) -> Client:
    client = Client(tmp_path, shop.products_target, shop.orders_target, shop.script.clock)
    assert client.run("login", "alice").code == 0
    return client


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def screen(text: str) -> list[str]:
    return lines(dedent(text).strip("\n"))


@pytest.mark.parametrize("width", [PIPE, 80, 100])
def test_list(client: Client, width: int) -> None:
    assert lines(client.run("list", width=width).out) == screen("""
        product  name         price  at most
        sku-1    Thing 1  12.50 EUR      any
        sku-2    Thing 2  12.50 EUR        5
        sku-3    Thing 3  12.50 EUR      any
        3 products at revision 17; 1 page, 193 bytes of state kept (message-field).
        There are more: add --all, or a larger --page-size.
    """)


@pytest.mark.parametrize("width", [PIPE, 80, 100])
def test_order(client: Client, width: int) -> None:
    client.run("list")
    order = ("order", "sku-1=2", "sku-3", "--request-id", "r-1")
    placed = lines(client.run(*order, width=width).out)
    assert placed[:4] == screen("""
        Order order-1
        product  quantity  unit price  revision
        sku-1           2       12.50        17
        sku-3           1  not quoted        17
    """)
    assert [line.replace(":  ", "  ").split() for line in placed[4:]] == [
        ["request", "id", "r-1"],
        ["created", "2027-01-15T08:00:00Z"],
        ["vouched", "for", "by", "message-field"],
        ["state", "carried", "193", "bytes"],
    ]


def test_a_validated_order_says_that_nothing_was_placed(client: Client) -> None:
    client.run("list")
    ran = client.run("order", "sku-1", "--validate-only", width=80)
    assert lines(ran.out)[0] == "Valid. Nothing was placed."


@pytest.mark.parametrize("width", [PIPE, 80, 100])
def test_orders(client: Client, width: int) -> None:
    assert lines(client.run("orders", "--all", width=width).out) == screen("""
        order    placed                units  strategy
        order-2  2027-01-15T08:00:00Z      2  replica
        order-1  2027-01-15T08:00:00Z      2  replica
    """)


@pytest.mark.parametrize("width", [PIPE, 80, 100])
def test_state(client: Client, width: int) -> None:
    client.run("list", "--all")
    client.run("list", "--all", "--strategy", "metadata-jwt")
    assert lines(client.run("state", width=width).out) == screen("""
        metadata-jwt: 2 pages, 574 bytes of metadata; grpcio server allows 7,168
        page  version  ids  from   to     revision  bytes  expires
           1  v2         3  sku-1  sku-3        17    301  in 5 min
           2  v2         2  sku-4  sku-5        17    273  in 5 min
        message-field: 2 pages, 370 bytes in the message
        page  version  ids  from   to     revision  bytes  expires
           1  v2         3  sku-1  sku-3        17    193  in 5 min
           2  v2         2  sku-4  sku-5        17    177  in 5 min
        Decoded without verifying anything: only the service's check counts.
    """)


def test_long_ids_fold_at_80_columns_and_lose_nothing(client: Client, shop: FakeShop) -> None:
    shop.script.catalogue = LONG_IDS
    assert lines(client.run("list", width=80).out) == screen("""
        product                                              name         price  at most
        01890a5d-ac96-774b-bcce-b302099a8057                 Thing 7  12.50 EUR      any
        xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx  Thing x  12.50 EUR      any
        xxxxxxxxxxxxx
        2 products at revision 17; 1 page, 268 bytes of state kept (message-field).
    """)


@pytest.mark.parametrize("width", [PIPE, 100])
def test_long_ids_stay_whole_where_there_is_room(
    client: Client, shop: FakeShop, width: int
) -> None:
    shop.script.catalogue = LONG_IDS
    assert f"{LONG_IDS[1]}  Thing x  12.50 EUR" in client.run("list", width=width).out


def test_a_refusal_at_80_columns(client: Client, shop: FakeShop) -> None:
    shop.script.refusal = NotGranted(facts={"product_id": "sku-9"})
    ran = client.run("order", "sku-9", "--anyway", "--request-id", "r-1", width=80)
    assert ran.out == ""
    assert lines(ran.err) == screen(f"""
        PERMISSION_DENIED NOT_GRANTED from orders at {shop.orders_target}
        the caller may not order this
        product_id    sku-9
        request_id    r-1
        x-request-id  call-1
        What to do: see what you may order, and how many: python -m client list --all;
        an administrator can grant more: python -m client grant SUBJECT PRODUCT
    """)


def test_changes_say_how_to_demand_them(client: Client) -> None:
    assert lines(client.run("grant", "bob", "sku-1", "sku-2", width=80).out) == screen("""
        Granted to bob: 2 products, at revision 18.
        To demand it from the next order: --min-revision 18
    """)
    assert lines(client.run("revoke", "bob", "sku-1", width=80).out) == screen("""
        Revoked from bob: 1 product, at revision 19.
        To demand it from the next order: --min-revision 19
    """)


def test_names_cannot_command_the_terminal(client: Client, shop: FakeShop) -> None:
    shop.script.catalogue = ["sku-\x1b[2J"]
    for width in (PIPE, 80):
        assert "\x1b[2J" not in client.run("list", width=width).out


def test_names_are_no_markup(client: Client, shop: FakeShop) -> None:
    shop.script.catalogue = ["[bold]sku[/bold]"]
    assert "[bold]sku[/bold]" in client.run("list", width=80).out
