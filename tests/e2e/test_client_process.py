"""The client against both services as processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.shop import ROOT, Shop
from tests.integration.client_terminal import Client
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("client-shop")) as shop:
        yield shop


@pytest.fixture(scope="module")
def client(shop: Shop) -> Client:
    client = Client(shop.home.parent, shop.products_target, shop.orders_target, time.time)
    for subject in ("carol", "bob", "alice"):
        client.json("login", subject)
    client.json("login", "root", "--admin")
    return client


def products(client: Client, subject: str, *options: str) -> list[str]:
    """List everything as `subject`."""
    listed = client.json("list", "--all", "--as", subject, *options)
    return [product["product_id"] for product in listed["products"]]


@pytest.mark.parametrize("strategy", Strategy)
def test_list_then_order(client: Client, strategy: Strategy) -> None:
    options = ("--as", "alice", "--strategy", strategy)
    first, *_, last = products(client, "alice", "--page-size", "10", "--strategy", strategy)
    placed = client.json("order", f"{first}=2", last, *options)
    assert placed["strategy"] == strategy
    assert [line["quantity"] for line in placed["lines"]] == [2, 1]
    again = client.json("order", f"{first}=2", last, "--request-id", placed["request_id"], *options)
    assert again["order_id"] == placed["order_id"]
    assert client.json("orders", placed["order_id"], "--as", "alice")["lines"] == placed["lines"]
    other = client.run("order", first, "--request-id", placed["request_id"], *options, "--json")
    assert (other.code, other.error["reason"]) == (9, "REQUEST_ID_REUSED")


@pytest.mark.parametrize("strategy", Strategy)
def test_what_is_not_granted_is_denied(client: Client, strategy: Strategy) -> None:
    first, *_ = products(client, "bob", "--strategy", strategy)
    ran = client.run("order", first, "no-such", "--as", "bob", "--strategy", strategy, "--json")
    assert (ran.code, ran.error["reason"]) == (4, "NOT_GRANTED")


def test_a_grant_is_seen_by_who_demands_it(client: Client) -> None:
    target = products(client, "alice")[0]
    granted = client.json("grant", "carol", target, "--max-quantity", "2")
    assert products(client, "carol") == [target]
    order = ("order", "--as", "carol", "--min-revision", str(granted["revision"]))
    client.json(*order, target)
    assert client.run(*order, f"{target}=3").code == 4
    revoked = client.json("revoke", "carol", target)
    later = client.run("order", target, "--as", "carol", "--min-revision", str(revoked["revision"]))
    assert later.code == 5
    assert "list again" in later.err


def test_only_administrators_grant(client: Client) -> None:
    ran = client.run("grant", "bob", "any", "--as", "bob", "--json")
    assert (ran.code, ran.error["reason"]) == (4, "ROLE_MISSING")


def test_as_its_users_run_it(shop: Shop, client: Client) -> None:
    assert client.run("orders", "--as", "alice").code == 0  # has logged in
    command = f"{sys.executable} -m client list --all --json --as alice | head -c 1"
    ran = _shell(shop, command)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{", "")
    session = Path(shop.home) / "session.json"
    assert session.stat().st_mode & 0o777 == 0o600


def test_exit_code_and_words_of_the_process(shop: Shop) -> None:
    ran = _shell(shop, f"{sys.executable} -m client get nothing --as nobody")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "nobody is not logged in" in ran.stderr


def _shell(shop: Shop, command: str) -> "subprocess.CompletedProcess[str]":
    targets = {"WAYBILL_PRODUCTS": shop.products_target, "WAYBILL_ORDERS": shop.orders_target}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env={**os.environ, **shop.environ, **targets},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
