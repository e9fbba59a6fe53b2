"""Who calls, the request id, logs, and where files are: the small parts of serving."""

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toy import ALICE, GOOD, ORDERS, KnownTokens, Lines, accept, services
from waybill.errors import CredentialInvalid, CredentialMissing
from waybill.metadata import Entry
from waybill.serving.call import Call, Caller, GuardedCall, request_id_of
from waybill.serving.guard import Guard, Method
from waybill.serving.identity import Authenticator
from waybill.serving.logs import make_logger
from waybill.serving.paths import state_home
from waybill.serving.rules import RuleTable
from waybill.serving.testing import FakeCall


class Aborted(Exception):
    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code


@dataclass
class FakeContext:
    """As much of a server's context as the guard uses."""

    metadata: tuple[Entry, ...] = ALICE
    time_left_s: float | None = None
    sent: list[Entry] = field(default_factory=list)

    def invocation_metadata(self) -> tuple[Entry, ...]:
        return self.metadata

    def time_remaining(self) -> float | None:
        return self.time_left_s

    async def abort(self, code: grpc.StatusCode, *_rest: object) -> NoReturn:
        raise Aborted(code)


async def place(data: bytes, context: FakeContext) -> bytes:
    """PlaceOrder without a server, behind the guard."""
    details = type("Details", (), {"method": f"/{ORDERS.full_name}/PlaceOrder"})
    handler = services()[0].service(cast("grpc.HandlerCallDetails", details))
    assert handler
    answer = cast("Any", handler.unary_unary)(data, context)
    return cast("bytes", await answer)


async def test_a_spent_deadline_is_refused_before_the_work() -> None:
    with pytest.raises(Aborted) as aborted:
        await place(GOOD.SerializeToString(), FakeContext(time_left_s=0.0))
    assert aborted.value.code == grpc.StatusCode.DEADLINE_EXCEEDED


@given(st.binary(max_size=100))
def test_no_bytes_get_another_answer_than_ok_or_invalid_argument(data: bytes) -> None:
    assert asyncio.run(code_of_place(data)) in {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
    }


async def code_of_place(data: bytes) -> grpc.StatusCode:
    try:
        await place(data, FakeContext())
    except Aborted as aborted:
        return aborted.code
    return grpc.StatusCode.OK


class Claims:
    """Believes every token, and says always the same of it."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self._claims = claims

    def verify(self, token: str) -> Mapping[str, Any]:
        assert token
        return self._claims


def test_the_caller_is_whom_the_token_names() -> None:
    assert Authenticator(KnownTokens()).caller(ALICE) == Caller("alice")
    claims = Claims({"sub": "root", "roles": ["admin", "service"]})
    assert Authenticator(claims).caller(ALICE) == Caller("root", frozenset({"admin", "service"}))


@pytest.mark.parametrize("subject", ["a" * 128, "\u00e9" * 64, "auth0|5f7c", "cn=Ada, o=Shop"])
def test_names_of_any_issuer(subject: str) -> None:
    assert Authenticator(Claims({"sub": subject})).caller(ALICE).subject == subject


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_in_any_case(scheme: str) -> None:
    entries = [("authorization", f"{scheme} alice-token")]
    assert Authenticator(KnownTokens()).caller(entries).subject == "alice"


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": ""},
        {"sub": 7},
        {"sub": None},
        {"sub": "a\0b"},  # which PostgreSQL cannot hold
        {"sub": "a\nb"},
        {"sub": "a" * 129},
        {"sub": "\u00e9" * 65},
        {"sub": "a", "roles": "admin"},
        {"sub": "a", "roles": [1]},
        {"sub": "a", "roles": {"admin": True}},
        {"sub": "a", "roles": None},
    ],
)
def test_claims_of_the_wrong_type_are_no_caller(claims: dict[str, Any]) -> None:
    with pytest.raises(CredentialInvalid):
        Authenticator(Claims(claims)).caller(ALICE)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["authorization", "x"]), st.text() | st.binary() | st.just("Bearer x")
        )
    )
)
def test_only_one_bearer_token_is_ever_looked_at(entries: list[Entry]) -> None:
    values = [value for key, value in entries if key == "authorization"]
    try:
        Authenticator(Claims({"sub": "a"})).caller(entries)
    except CredentialMissing:
        return
    assert len(values) == 1
    assert isinstance(values[0], str)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["req-7"], "req-7"),
        (["req-7", "req-8"], "req-7"),
        (["a" * 64], "a" * 64),
        (["a" * 65], ""),
        (["a b"], ""),
        (["a\n"], ""),
        (["é"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_a_request_id_is_taken_over_where_it_is_fit_for_a_log(
    values: list[str], expected: str
) -> None:
    assert request_id_of([("x-request-id", value) for value in values]) == expected


def test_a_request_id_is_made_once_where_none_came() -> None:
    call = GuardedCall(cast("Any", FakeContext()))
    assert call.request_id == call.request_id != ""
    assert call.request_id != GuardedCall(cast("Any", FakeContext())).request_id


async def test_the_fake_call_remembers() -> None:
    fake = FakeCall(time_left=3.0)
    call: Call = fake
    await call.send_initial_metadata([("a", "1")])
    call.log_accepted(order_id="o-1")
    assert (fake.initial_metadata, fake.accepted) == ([("a", "1")], [{"order_id": "o-1"}])
    assert (call.caller.subject, call.time_left_s()) == ("alice", 3.0)


def guard(rules: str) -> Guard:
    return Guard(
        Authenticator(KnownTokens()),
        RuleTable.from_toml(rules),
        max_message_bytes=1,
        max_concurrent_calls=1,
        log=Lines().logger(),
    )


def test_wiring_refuses_missing_and_unknown_methods_and_requests_without_rules() -> None:
    methods = {method.name: Method(accept) for method in ORDERS.methods}
    with pytest.raises(ValueError, match="Nothing"):
        guard("").service(ORDERS, {**methods, "Nothing": Method(accept)})
    with pytest.raises(ValueError, match="GetOrder"):
        guard("").service(ORDERS, {"PlaceOrder": Method(accept), "ListOrders": Method(accept)})
    with pytest.raises(ValueError, match="the rules have no message"):
        guard("").service(ORDERS, methods)


def test_logs_are_json_lines_of_the_level_and_above() -> None:
    stream = io.StringIO()
    log = make_logger("info", stream, service="orders")
    log.debug("quiet")
    log.info("spoken", path=Path("/x"))
    (line,) = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert line.items() >= {"event": "spoken", "service": "orders", "level": "info"}.items()


@pytest.mark.parametrize("text", ["eyJhbGciOi.eyJzdWIi.c2ln", "x eyJhbGciOi.e30. y", "a.eyJh.b"])
def test_a_token_never_gets_into_a_log(text: str) -> None:
    stream = io.StringIO()
    log = make_logger("info", stream)
    try:
        raise ValueError(f"cannot read {text}")
    except ValueError as error:
        log.error("failed", token=text, exc_info=error)
    assert "eyJ" not in stream.getvalue()
    assert "[token]" in json.loads(stream.getvalue())["exception"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/waybill"),
        ({"HOME": "/h"}, "/h/.local/state/waybill"),
        ({"XDG_STATE_HOME": "", "HOME": "/h"}, "/h/.local/state/waybill"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/waybill"),
    ],
)
def test_state_home_is_where_xdg_says(environ: dict[str, str], expected: str) -> None:
    assert state_home(environ) == Path(expected)
