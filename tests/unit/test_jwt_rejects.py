"""Every way in which a token can be wrong, each refused with its error."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.crypto_kit import KEY, LEEWAY_S, NOW, OTHER_KEY, claims, forge, verifier
from tests.unit.jwt_reject_rows import GOOD, INVALID_ROWS, with_claims
from waybill.errors import (
    CredentialExpired,
    CredentialInvalid,
    CredentialTooLarge,
    StateExpired,
    StateInvalid,
    StateTooLarge,
)
from waybill.jwt import CREDENTIAL_REFUSALS
from waybill.keys import KeySet, StaticKeys
from waybill.signing import SigningKey, sign_jwt
from waybill.verified_cache import VerifiedCache


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a token says, nothing is looked up or connected to."""

    def refuse(*args: object) -> None:
        raise AssertionError("a network call")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(params=["cached", "uncached"])
def check(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`verify` of a verifier with the given settings, asked twice: a cache must change nothing."""
    cache = VerifiedCache(100, 100_000) if request.param == "cached" else None

    def verify_twice(token: str, **changes: Any) -> Any:
        subject = verifier(**({"cache": cache} | changes))
        try:
            subject.verify(token)
        except Exception as first:
            with pytest.raises(type(first)):
                subject.verify(token)
            raise
        return subject.verify(token)

    return verify_twice


def test_the_good_token_is_good(check: Callable[..., Any]) -> None:
    assert dict(check(GOOD)) == claims()


@pytest.mark.parametrize("token", INVALID_ROWS.values(), ids=INVALID_ROWS.keys())
def test_state_that_cannot_be_believed(token: str, check: Callable[..., Any]) -> None:
    with pytest.raises(StateInvalid) as refused:
        check(token)
    assert type(refused.value) is StateInvalid
    assert not refused.value.facts


@pytest.mark.parametrize("token", INVALID_ROWS.values(), ids=INVALID_ROWS.keys())
def test_credentials_that_cannot_be_believed(token: str) -> None:
    with pytest.raises(CredentialInvalid):
        verifier(refusals=CREDENTIAL_REFUSALS).verify(token)


@pytest.mark.parametrize("token", INVALID_ROWS.values(), ids=INVALID_ROWS.keys())
def test_the_log_text_quotes_nothing_of_the_token(token: str) -> None:
    with pytest.raises(StateInvalid) as refused:
        verifier().verify(token)
    for part in (*token.split("."), "ada", "eve", KEY.key_id):
        assert len(part) < 3 or part not in str(refused.value)


@pytest.mark.parametrize("late_s", [LEEWAY_S, LEEWAY_S + 1, 10**6])
def test_past_expiry(late_s: int, check: Callable[..., Any]) -> None:
    token = with_claims(exp=NOW - late_s)
    with pytest.raises(StateExpired):
        check(token)
    with pytest.raises(CredentialExpired):
        check(token, refusals=CREDENTIAL_REFUSALS)


def test_leeway_at_its_edges(check: Callable[..., Any]) -> None:
    check(with_claims(exp=NOW - LEEWAY_S + 1))
    check(with_claims(iat=NOW + LEEWAY_S, nbf=NOW + LEEWAY_S))


def test_expired_and_forged_is_not_called_expired(check: Callable[..., Any]) -> None:
    with pytest.raises(StateInvalid):
        check(forge(body=claims(exp=NOW - 60), key=OTHER_KEY))


@pytest.mark.parametrize("size", [1025, 10_000, 8_000_000])
def test_over_the_byte_budget(size: int, check: Callable[..., Any]) -> None:
    with pytest.raises(StateTooLarge) as refused:
        check("a" * size, max_bytes=1024)
    assert refused.value.facts == {"bytes": str(size), "max_bytes": "1024"}
    with pytest.raises(CredentialTooLarge):
        check("é" * size, max_bytes=1024, refusals=CREDENTIAL_REFUSALS)


def test_a_token_may_fill_the_budget(check: Callable[..., Any]) -> None:
    check(GOOD, max_bytes=len(GOOD))
    with pytest.raises(StateTooLarge):
        check(GOOD, max_bytes=len(GOOD) - 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"key_ops": ["deriveBits"]},
        {"key_ops": []},
        {"alg": "ECDH-ES"},
    ],
    ids=str,
)
def test_a_key_that_is_not_for_signatures(
    changes: dict[str, object], check: Callable[..., Any]
) -> None:
    jwks = {"keys": [KEY.to_public_jwk() | changes]}
    with pytest.raises(StateInvalid):
        check(GOOD, keys=StaticKeys(KeySet.from_jwks(json.dumps(jwks))))


def test_every_single_character_counts() -> None:
    subject = verifier()
    for position, character in enumerate(GOOD):
        for other in ("A", "B", "=", ".", " ", "\n"):
            if other != character:
                with pytest.raises(StateInvalid):
                    subject.verify(GOOD[:position] + other + GOOD[position + 1 :])


@pytest.mark.parametrize("cut", range(1, len(GOOD), 7))
def test_truncated(cut: int) -> None:
    with pytest.raises(StateInvalid):
        verifier().verify(GOOD[:cut])


def test_a_state_is_no_credential_and_the_other_way_round() -> None:
    user = sign_jwt(claims(), KEY, typ="at+jwt")
    with pytest.raises(StateInvalid):
        verifier().verify(user)
    with pytest.raises(CredentialInvalid):
        verifier(typ="at+jwt", refusals=CREDENTIAL_REFUSALS).verify(GOOD)


@pytest.mark.parametrize("changes", [{"issuer": ""}, {"audience": ""}, {"leeway_s": -1}], ids=str)
def test_expectations_that_expect_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|negative"):
        verifier(**changes)


def test_same_key_id_other_key() -> None:
    namesake = SigningKey.from_private_jwk(OTHER_KEY.to_private_jwk() | {"kid": KEY.key_id})
    with pytest.raises(StateInvalid):
        verifier().verify(forge(key=namesake))
