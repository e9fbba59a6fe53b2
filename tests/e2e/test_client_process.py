"""The client as its users run it: a process of its own, against both services as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from loadtest.shop import ROOT, Shop
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("client-shop")) as shop:
        yield shop


def run(shop: Shop, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "client", *argv],
        env=_environ(shop),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def _environ(shop: Shop) -> dict[str, str]:
    targets = {"WAYBILL_PRODUCTS": shop.products_target, "WAYBILL_ORDERS": shop.orders_target}
    return {**os.environ, **shop.environ, **targets}


def products(shop: Shop, *options: str) -> Sequence[str]:
    ran = run(shop, "list", "--all", "--json", *options)
    assert ran.returncode == 0, ran.stderr
    return [product["product_id"] for product in json.loads(ran.stdout)["products"]]


@pytest.mark.parametrize("strategy", Strategy)
def test_list_then_order(shop: Shop, strategy: Strategy) -> None:
    assert run(shop, "login", "alice").returncode == 0
    first, *_, last = products(shop, "--page-size", "10", "--strategy", strategy)
    ran = run(shop, "order", f"{first}=2", last, "--strategy", strategy, "--json")
    assert ran.returncode == 0, ran.stderr
    placed = json.loads(ran.stdout)
    assert placed["strategy"] == strategy
    assert [line["quantity"] for line in placed["lines"]] == [2, 1]
    again = run(
        shop, "order", f"{first}=2", last, "--strategy", strategy, "--json",
        "--request-id", placed["request_id"],
    )  # fmt: skip
    assert json.loads(again.stdout)["order_id"] == placed["order_id"]
    shown = run(shop, "orders", placed["order_id"], "--json")
    assert json.loads(shown.stdout)["lines"] == placed["lines"]


@pytest.mark.parametrize("strategy", Strategy)
def test_what_is_not_granted_is_denied(shop: Shop, strategy: Strategy) -> None:
    assert run(shop, "login", "bob").returncode == 0
    products(shop, "--strategy", strategy)
    ran = run(shop, "order", "no-such", "--strategy", strategy, "--anyway", "--json")
    error = json.loads(ran.stderr)["error"]
    expected = {"NOT_GRANTED": 4, "STATE_MISSING": 3}
    assert ran.returncode == expected[error["reason"]]


def test_a_grant_is_seen_by_who_demands_it(shop: Shop) -> None:
    assert run(shop, "login", "alice").returncode == 0
    target = products(shop)[0]
    assert run(shop, "login", "carol").returncode == 0
    assert run(shop, "login", "root", "--admin").returncode == 0
    granted = run(shop, "grant", "carol", target, "--max-quantity", "2", "--json")
    revision = str(json.loads(granted.stdout)["revision"])
    assert products(shop, "--as", "carol") == [target]
    order = ("order", "--as", "carol", "--min-revision", revision)
    assert run(shop, *order, target).returncode == 0
    assert run(shop, *order, f"{target}=3").returncode == 4
    assert run(shop, "revoke", "carol", target).returncode == 0
    later = str(int(revision) + 1)
    superseded = run(shop, "order", target, "--as", "carol", "--min-revision", later)
    assert superseded.returncode == 5
    assert "list again" in superseded.stderr


def test_a_reader_of_the_pipe_may_leave_early(shop: Shop) -> None:
    assert run(shop, "login", "alice").returncode == 0
    command = f"{sys.executable} -m client list --all --json | head -c 1"
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=_environ(shop), cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{", "")


def test_help_and_a_private_session(shop: Shop) -> None:
    helped = run(shop, "--help")
    assert helped.returncode == 0
    assert "exit codes:" in helped.stdout
    assert run(shop, "login", "alice").returncode == 0
    session = Path(shop.home) / "session.json"
    assert session.stat().st_mode & 0o777 == 0o600
