"""Every refusal, from the wire to the words and the exit code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from client.advice import BY_REASON, MAYBE_PLACED, UNSURE_REASONS
from client.exits import EXIT_CODES, MEANINGS
from client.parser import EPILOG
from tests.integration.client_terminal import Client, FakeShop, fake_shop
from waybill import errors
from waybill.status import code_of
from waybill.testing import FakeClock


def leaves(kind: type[errors.WaybillError]) -> list[type[errors.WaybillError]]:
    """The refusals of the library's tree, without what the client derives from them."""
    own = [k for k in kind.__subclasses__() if k.__module__ == errors.__name__]
    return [leaf for each in own for leaf in leaves(each)] if own else [kind]


def make(kind: type[errors.WaybillError]) -> errors.WaybillError:
    if issubclass(kind, errors.InvalidRequest):
        return kind({"lines[0].quantity": "must be at least 1"})
    return kind(facts={"max_bytes": "10"})


REFUSALS = leaves(errors.WaybillError)
CODES = {
    "UNAUTHENTICATED": 3,
    "PERMISSION_DENIED": 4,
    "FAILED_PRECONDITION": 5,
    "UNAVAILABLE": 6,
    "DEADLINE_EXCEEDED": 6,
    "RESOURCE_EXHAUSTED": 7,
    "INVALID_ARGUMENT": 8,
    "NOT_FOUND": 9,
    "ALREADY_EXISTS": 9,
}


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def shop(clock: FakeClock) -> Iterator[FakeShop]:
    with fake_shop(clock) as shop:
        yield shop


@pytest.fixture
def client(tmp_path: Path, shop: FakeShop, clock: FakeClock) -> Iterator[Client]:
    client = Client(tmp_path, shop.products_target, shop.orders_target, clock)
    assert client.run("login", "alice").code == 0
    yield client
    shop.script.refusal = shop.script.raw_refusal = None


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.reason)
def test_each_refusal_says_what_happened_and_what_to_do(
    client: Client, shop: FakeShop, kind: type[errors.WaybillError]
) -> None:
    shop.script.refusal = make(kind)
    ran = client.run("order", "sku-1", "--anyway", "--request-id", "r-1", "--json")
    code = code_of(make(kind)).name
    assert ran.code == ran.error["exit_code"] == CODES.get(code, 1)
    assert ran.out == ""
    assert (ran.error["code"], ran.error["reason"]) == (code, kind.reason)
    assert ran.error["message"] == kind.message
    repeat = MAYBE_PLACED.format(request_id="r-1") if kind.reason in UNSURE_REASONS else ""
    assert ran.error["advice"] == BY_REASON[kind.reason] + repeat
    assert ran.error["x_request_id"] == "call-1"
    assert ran.error["facts"]["request_id"] == "r-1"
    words = client.run("order", "sku-1", "--anyway")
    assert kind.message in words.err
    assert f"What to do: {BY_REASON[kind.reason]}" in words.err


def test_bad_fields_are_named(client: Client, shop: FakeShop) -> None:
    shop.script.refusal = make(errors.InvalidRequest)
    ran = client.run("order", "sku-1=0", "--anyway")
    assert ran.code == 8
    assert "lines[0].quantity:  must be at least 1" in ran.err


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c is not grpc.StatusCode.OK])
def test_codes_without_a_reason_still_get_advice(
    client: Client, shop: FakeShop, code: grpc.StatusCode
) -> None:
    shop.script.raw_refusal = (code, "from a hop")
    ran = client.run("orders", "--json")
    assert ran.code == CODES.get(code.name, 1)
    assert ran.error["reason"] == ""
    assert ran.error["message"] == "from a hop"
    assert ran.error["advice"]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"])
def test_an_order_that_may_have_been_placed_is_not_to_be_placed_again(
    client: Client, shop: FakeShop, code: str
) -> None:
    shop.script.raw_refusal = (grpc.StatusCode[code], "from a hop")
    ran = client.run("order", "sku-1", "--anyway", "--json")
    assert f"--request-id {ran.error['facts']['request_id']}" in ran.error["advice"]
    ran = client.run("order", "sku-1", "--anyway", "--validate-only", "--json")
    assert "--request-id" not in ran.error["advice"]


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (
            "RESOURCE_EXHAUSTED",
            "received metadata size exceeds soft limit (9539 vs. 8192);  :path:81B",
            "METADATA_TOO_LARGE",
        ),
        (
            "RESOURCE_EXHAUSTED",
            "Stream removed (received metadata size exceeds hard limit (value length 20000"
            " vs. 16384))",
            "METADATA_TOO_LARGE",
        ),
        ("UNKNOWN", "Received http2 header with status: 431", "METADATA_TOO_LARGE"),
        (
            "RESOURCE_EXHAUSTED",
            "SERVER: Received message larger than max (5000005 vs. 4194304)",
            "MESSAGE_TOO_LARGE",
        ),
    ],
)
def test_limits_of_hops_are_recognised_by_their_words(
    client: Client, shop: FakeShop, code: str, text: str, reason: str
) -> None:
    shop.script.raw_refusal = (grpc.StatusCode[code], text)
    ran = client.run("order", "sku-1", "--anyway", "--json")
    assert (ran.error["reason"], ran.error["advice"]) == (reason, BY_REASON[reason])


def test_nobody_at_the_address(client: Client) -> None:
    ran = client.run("list", "--products", "127.0.0.1:1", "--json")
    assert (ran.code, ran.error["code"]) == (6, "UNAVAILABLE")
    assert ran.error["peer"] == "products at 127.0.0.1:1"
    assert "--products" in ran.error["advice"]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "COMMAND"),
        (["buy"], "invalid choice"),
        (["order"], "PRODUCT"),
        (["order", "a=two"], "whole number"),
        (["order", "a=99999999999"], "beyond"),
        (["order", "a", "a=2"], "once"),
        (["order", "a", "--min-revision", "1e3"], "whole number"),
        (["order", "a", "--min-revision", str(2**63)], "beyond"),
        (["order", "a\udcff"], "UTF-8"),
        (["list", "--page-size", "all"], "whole number"),
        (["list", "--timeout", "0"], "between"),
        (["list", "--timeout", "nan"], "between"),
        (["list", "--timeout", "soon"], "number of seconds"),
        (["list", "--strategy", "carrier-pigeon"], "metadata-jwt"),
        (["list", "--state-budget", "-1"], "below 0"),
        (["list", "--tls-cert", "x"], "go together"),
        (["list", "--tls-ca", "/nowhere/ca.pem"], "cannot be read"),
        (["login", "alice", "--ttl-s", "0"], "below 1"),
        (["list", "--js"], "unrecognized"),
    ],
)
def test_a_wrong_command_line_is_explained(client: Client, argv: list[str], says: str) -> None:
    ran = client.run(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert "--help" in ran.err


def test_a_wrong_command_line_is_json_where_asked(client: Client) -> None:
    ran = client.run("buy", "--json")
    assert ran.error["reason"] == "USAGE"


def test_a_wrong_variable_is_named(client: Client) -> None:
    ran = client.run("list", WAYBILL_STRATEGY="pigeon")
    assert ran.code == 2
    assert "WAYBILL_STRATEGY" in ran.err


def test_a_bad_subject_is_told_as_the_services_would(client: Client) -> None:
    ran = client.run("login", "a b", "--json")
    assert (ran.code, list(ran.error["violations"])) == (8, ["subject"])


def test_help_lists_every_exit_code(client: Client) -> None:
    for code, meaning in MEANINGS.items():
        assert f"{code:>3}  {meaning}" in EPILOG
    assert set(EXIT_CODES.values()) <= set(MEANINGS)


def test_every_advice_is_for_a_reason_that_exists() -> None:
    own = {"NOTHING_KEPT", "METADATA_TOO_LARGE", "NOT_LOGGED_IN", "USAGE", "INTERNAL"}
    assert set(BY_REASON) == {kind.reason for kind in REFUSALS} | own


def test_what_nobody_foresaw_is_not_hidden(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("client.commands.views.orders", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        client.run("orders")


def test_an_interruption_has_its_own_code(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("client.commands.views.orders", interrupt)
    assert client.run("orders").code == 130
