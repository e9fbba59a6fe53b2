import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from client.dev_issuer import DevIssuer
from client.peek import peek
from tests.integration.client_terminal import Client, FakeShop, fake_shop
from waybill.strategy import Strategy
from waybill.testing import FakeClock
from waybill.values import CarriedState

TRAVELLING = ["metadata-jwt", "message-field"]
UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, "gone")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shop(clock: FakeClock) -> Iterator[FakeShop]:
    with fake_shop(clock) as shop:
        yield shop


@pytest.fixture
def client(tmp_path: Path, shop: FakeShop, clock: FakeClock) -> Client:
    client = Client(tmp_path, shop.products_target, shop.orders_target, clock)
    assert client.run("login", "alice").code == 0
    return client


def carried(shop: FakeShop) -> CarriedState:
    """The state that came with the last order."""
    received = shop.last
    assert received.method == "PlaceOrder"
    values = received.metadata.get("waybill-state-v2", [])
    return CarriedState(
        metadata=tuple(("waybill-state-v2", value) for value in values),
        envelopes=tuple(received.request.state),  # type: ignore[attr-defined]
    )


def covered(shop: FakeShop) -> list[list[str]]:
    return [list(look.content.product_ids) for look in peek(carried(shop)) if look.content]


@pytest.mark.parametrize("strategy", Strategy)
def test_every_call_names_its_strategy_and_caller(
    client: Client, shop: FakeShop, strategy: Strategy
) -> None:
    for command in (
        ["list"],
        ["get", "sku-1"],
        ["order", "sku-1", "--anyway"],
        ["orders"],
        ["orders", "order-1"],
        ["grant", "bob", "sku-1"],
        ["revoke", "bob", "sku-1"],
    ):
        client.json(*command, "--strategy", strategy)
        assert shop.last.metadata["waybill-strategy"] == [strategy.value]
        assert shop.last.metadata["authorization"][0].startswith("Bearer ey")
    assert len(shop.script.received) == 7


def test_the_default_strategy_is_named_too_and_comes_from_the_environment(
    client: Client, shop: FakeShop
) -> None:
    client.json("list")
    assert shop.last.metadata["waybill-strategy"] == ["message-field"]
    client.run("list", WAYBILL_STRATEGY="replica")
    assert shop.last.metadata["waybill-strategy"] == ["replica"]
    client.run("--strategy", "direct-call", "list", WAYBILL_STRATEGY="replica")
    assert shop.last.metadata["waybill-strategy"] == ["direct-call"]


@pytest.mark.parametrize("strategy", TRAVELLING)
def test_an_order_carries_the_pages_that_cover_it(
    client: Client, shop: FakeShop, strategy: str
) -> None:
    listed = client.json("list", "--all", "--page-size", "2", "--strategy", strategy)
    assert (listed["pages"], listed["complete"], len(listed["products"])) == (3, True, 5)
    client.json("order", "sku-1=2", "sku-2", "--strategy", strategy)
    assert covered(shop) == [["sku-1", "sku-2"]]
    client.json("order", "sku-1", "sku-5", "--strategy", strategy)
    assert sorted(covered(shop)) == [["sku-1", "sku-2"], ["sku-5"]]


@pytest.mark.parametrize("strategy", TRAVELLING)
def test_what_no_page_covers_is_left_to_the_service(
    client: Client, shop: FakeShop, strategy: str
) -> None:
    client.json("list", "--strategy", strategy)
    client.json("order", "sku-1", "sku-unknown", "--strategy", strategy)
    assert covered(shop) == [["sku-1", "sku-2", "sku-3"]]


@pytest.mark.parametrize("strategy", TRAVELLING)
def test_without_a_kept_page_nothing_is_sent(client: Client, shop: FakeShop, strategy: str) -> None:
    ran = client.run("order", "sku-1", "--strategy", strategy, "--json")
    assert ran.code == 3
    assert ran.out == ""
    assert ran.error["reason"] == "NOTHING_KEPT"
    assert "list" in ran.error["advice"]
    assert shop.script.received == []
    client.json("order", "sku-1", "--strategy", strategy, "--anyway")
    assert carried(shop) == CarriedState()


@pytest.mark.parametrize("strategy", ["replica", "direct-call"])
def test_strategies_without_state_need_no_listing(
    client: Client, shop: FakeShop, strategy: str
) -> None:
    placed = client.json("order", "sku-1", "--strategy", strategy)
    assert placed["carried_bytes"] == 0
    assert carried(shop) == CarriedState()


def test_pages_kept_before_a_failure_stay(client: Client, shop: FakeShop) -> None:
    shop.script.refuse_from_call, shop.script.raw_refusal = 2, UNREACHABLE
    assert client.run("list", "--all", "--page-size", "1").code == 6
    shop.script.raw_refusal = None
    client.json("order", "sku-1", "sku-2")
    assert sorted(covered(shop)) == [["sku-1"], ["sku-2"]]


def test_a_later_complete_listing_replaces_what_was_kept(client: Client, shop: FakeShop) -> None:
    client.json("list", "--all")
    shop.script.catalogue.remove("sku-5")
    client.json("list", "--all")
    ran = client.run("order", "sku-5", "--json")
    assert ran.error["reason"] == "NOTHING_KEPT"


def test_an_empty_complete_listing_leaves_nothing(client: Client, shop: FakeShop) -> None:
    client.json("list", "--all")
    shop.script.catalogue.clear()
    assert "You may order nothing." in client.run("list").out
    assert "nothing is carried" in client.run("state").out


def test_listing_can_go_on_from_a_token(client: Client, shop: FakeShop) -> None:
    first = client.json("list")
    assert not first["complete"]
    rest = client.json("list", "--page-token", first["next_page_token"])
    assert [product["product_id"] for product in rest["products"]] == ["sku-4", "sku-5"]
    client.json("order", "sku-1", "sku-4")
    assert len(covered(shop)) == 2


def test_the_order_is_what_was_asked(client: Client, shop: FakeShop) -> None:
    client.json("list")
    placed = client.json(
        "order", "sku-1=3", "sku-2", "--request-id", "r-1", "--validate-only", "--min-revision", "9"
    )
    request = shop.last.request
    assert [(x.product_id, x.quantity) for x in request.lines] == [("sku-1", 3), ("sku-2", 1)]  # type: ignore[attr-defined]
    assert request.request_id == placed["request_id"] == "r-1"  # type: ignore[attr-defined]
    assert request.validate_only  # type: ignore[attr-defined]
    assert request.min_revision == 9  # type: ignore[attr-defined]
    assert placed["order_id"] is None


def test_each_order_has_a_request_id_of_its_own(client: Client) -> None:
    placed = [client.json("order", "a", "--strategy", "replica") for _ in range(2)]
    assert placed[0]["request_id"] != placed[1]["request_id"]


def test_state_over_the_budget_stays_here(client: Client, shop: FakeShop) -> None:
    shop.script.catalogue = [f"product-{n:04}" for n in range(300)]
    strategy = ("--strategy", "metadata-jwt", "--max-metadata-bytes", "100000")
    client.json("list", "--page-size", "300", *strategy)
    before = len(shop.script.received)
    ran = client.run("order", "product-0000", *strategy, "--json")
    assert (ran.code, ran.error["reason"]) == (7, "STATE_TOO_LARGE")
    assert int(ran.error["facts"]["bytes"]) > int(ran.error["facts"]["max_bytes"]) == 7168
    assert len(shop.script.received) == before


def test_metadata_over_the_hops_limit_is_recognised(client: Client, shop: FakeShop) -> None:
    """gRPC itself refuses without any detail of ours."""
    shop.script.catalogue = [f"product-{n:04}" for n in range(600)]
    strategy = ("--strategy", "metadata-jwt", "--max-metadata-bytes", "100000")
    client.json("list", "--page-size", "600", *strategy)
    ran = client.run("order", "product-0000", *strategy, "--state-budget", "0", "--json")
    assert (ran.code, ran.error["code"]) == (7, "RESOURCE_EXHAUSTED")
    assert ran.error["reason"] == "METADATA_TOO_LARGE"
    assert "--page-size" in ran.error["advice"]


def test_an_answer_over_the_clients_own_limit_is_recognised(client: Client, shop: FakeShop) -> None:
    shop.script.catalogue = [f"product-{n:04}" for n in range(600)]
    ran = client.run("list", "--page-size", "600", "--strategy", "metadata-jwt", "--json")
    assert (ran.code, ran.error["reason"]) == (7, "METADATA_TOO_LARGE")


def test_state_is_shown_as_it_travels(client: Client, clock: FakeClock) -> None:
    client.json("list", "--all", "--strategy", "metadata-jwt")
    client.json("list", "--all", "--strategy", "message-field")
    clock.advance(60)
    shown = client.json("state")
    assert shown["verified"] is False
    assert shown["subject"] == "alice"
    by_strategy = {each["strategy"]: each for each in shown["strategies"]}
    assert list(by_strategy) == TRAVELLING
    jwt, message = by_strategy["metadata-jwt"], by_strategy["message-field"]
    assert (jwt["metadata_bytes"], message["metadata_bytes"]) == (jwt["bytes"], 0)
    states = [state for page in jwt["pages"] for state in page["states"]]
    assert sum(state["bytes"] for state in states) == jwt["bytes"]
    assert {state["travels_as"] for state in states} == {"waybill-state-v2"}
    claims = states[0]["claims"]
    assert claims["product_ids"] == ["sku-1", "sku-2", "sku-3"]
    assert (claims["expire_time"], claims["expired"]) == ("2027-01-15T08:05:00Z", False)
    assert "in 4 min" in client.run("state").out
    clock.advance(300)
    assert "expired 1 min ago" in client.run("state").out


def test_state_of_an_order(client: Client) -> None:
    client.json("list", "--all")
    (shown,) = client.json("state", "sku-4", "sku-9")["strategies"]
    assert [page["product_ids"] for page in shown["pages"]] == [["sku-4", "sku-5"]]
    assert shown["uncovered_product_ids"] == ["sku-9"]
    assert "On no kept page: sku-9" in client.run("state", "sku-4", "sku-9").out


def test_two_people_keep_their_sessions(client: Client, shop: FakeShop) -> None:
    client.json("list")
    client.json("login", "root", "--admin")
    client.json("grant", "alice", "sku-9", "--max-quantity", "4")
    assert shop.last.request.max_quantity == 4  # type: ignore[attr-defined]
    as_root = shop.last.metadata["authorization"]
    assert client.run("order", "sku-1").code == 3
    client.json("order", "sku-1", "--as", "alice")
    assert shop.last.metadata["authorization"] != as_root
    assert covered(shop) == [["sku-1", "sku-2", "sku-3"]]
    ran = client.run("list", "--as", "nobody", "--json")
    assert (ran.code, ran.error["reason"]) == (3, "NOT_LOGGED_IN")


def test_a_token_for_a_service_is_written_and_nobody_is_logged_in(
    tmp_path: Path, shop: FakeShop, clock: FakeClock
) -> None:
    client = Client(tmp_path, shop.products_target, shop.orders_target, clock)
    file = tmp_path / "deeper" / "orders-service-token"
    made = client.json("login", "orders", "--service", "--write-token", str(file))
    assert made["roles"] == ["service"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().count(".") == 2
    assert client.run("list").code == 3


def test_login_makes_what_the_services_need(client: Client, tmp_path: Path) -> None:
    assert (tmp_path / "waybill" / "users-jwks.json").exists()
    assert DevIssuer(tmp_path / "waybill").ready()


def test_a_damaged_key_file_is_explained(client: Client, tmp_path: Path) -> None:
    (tmp_path / "waybill" / "users-signing-keys.json").write_text("{}")
    ran = client.run("login", "alice", "--json")
    assert (ran.code, ran.error["reason"]) == (1, "LOCAL_FILE")
    assert "users-signing-keys.json" in ran.error["message"]


def test_a_damaged_session_is_explained(client: Client, tmp_path: Path) -> None:
    (tmp_path / "waybill" / "session.json").write_text("{")
    ran = client.run("list", "--json")
    assert (ran.code, ran.error["reason"]) == (1, "LOCAL_FILE")
    assert "mv " in ran.error["advice"]


def test_orders_can_be_listed_whole(client: Client) -> None:
    newest = client.json("orders")
    assert [each["order_id"] for each in newest["orders"]] == ["order-2"]
    assert newest["next_page_token"] == "1"
    every = client.json("orders", "--all")
    assert [each["order_id"] for each in every["orders"]] == ["order-2", "order-1"]
    assert client.json("orders", "order-7")["order_id"] == "order-7"


def test_no_output_shows_the_token(client: Client, tmp_path: Path) -> None:
    book = json.loads((tmp_path / "waybill" / "session.json").read_text())
    token = book["sessions"][0]["token"]
    for command in (["login", "alice"], ["list"], ["state"], ["order", "sku-1"]):
        for form in ([], ["--json"]):
            ran = client.run(*command, *form)
            assert token[-40:] not in ran.out + ran.err
