import stat
from pathlib import Path

import pytest

from client.dev_issuer import DevIssuer
from waybill.errors import CredentialExpired, InvalidRequest
from waybill.jwt import CREDENTIAL_REFUSALS, JwtVerifier
from waybill.keys import KeySet, StaticKeys
from waybill.testing import FakeClock


def verifier(issuer: DevIssuer, clock: FakeClock) -> JwtVerifier:
    """What the services hold their callers' tokens to."""
    return JwtVerifier(
        StaticKeys(KeySet.from_jwks(issuer.public_keys.read_text())),
        typ="at+jwt",
        issuer="waybill-dev",
        audience="shop",
        refusals=CREDENTIAL_REFUSALS,
        clock=clock,
        cache=None,
    )


def test_the_services_believe_the_token_until_it_expires(tmp_path: Path) -> None:
    clock = FakeClock()
    issuer = DevIssuer(tmp_path, clock)
    token = issuer.token("alice", ["admin"], ttl_s=60)
    checking = verifier(issuer, clock)
    claims = checking.verify(token)
    assert claims["sub"] == "alice"
    assert claims["roles"] == ["admin"]
    assert claims["exp"] - claims["iat"] == 60
    clock.advance(120)
    with pytest.raises(CredentialExpired):
        checking.verify(token)


def test_a_token_without_roles_has_no_roles(tmp_path: Path) -> None:
    clock = FakeClock()
    issuer = DevIssuer(tmp_path, clock)
    token = issuer.token("alice")
    assert "roles" not in verifier(issuer, clock).verify(token)


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "waybill"
    DevIssuer(folder).token("alice")
    before = (folder / "users-signing-keys.json").read_bytes()
    DevIssuer(folder).token("bob")
    assert (folder / "users-signing-keys.json").read_bytes() == before
    assert stat.S_IMODE((folder / "users-signing-keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_public_keys_hold_nothing_private_and_come_back(tmp_path: Path) -> None:
    issuer = DevIssuer(tmp_path)
    issuer.ready()
    assert '"d"' not in issuer.public_keys.read_text()
    issuer.public_keys.write_text("something else")
    issuer.ready()
    KeySet.from_jwks(issuer.public_keys.read_text())


@pytest.mark.parametrize("subject", ["", "a b", "-a", "x" * 129])
def test_a_subject_that_no_service_would_take_gets_no_token(tmp_path: Path, subject: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        DevIssuer(tmp_path).token(subject)
    assert list(caught.value.violations) == ["subject"]


def test_a_token_that_is_never_good_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 second"):
        DevIssuer(tmp_path).token("alice", ttl_s=0)
