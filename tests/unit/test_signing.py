"""Signing keys, their file, and what they sign; joserfc and PyJWT as second and third opinion."""

import json
import stat
import threading
from pathlib import Path
from typing import Any

import jwt
import pytest
from joserfc import jws
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OKPKey

from tests.unit.crypto_kit import (
    KEY,
    KEYS,
    NOW,
    TTL_S,
    TYP,
    claims,
    header,
    message_v1,
    verifier,
)
from waybill import base64url
from waybill.envelope import pre_authentication_encoding
from waybill.keys import KeySet
from waybill.signing import (
    SigningKey,
    SigningKeyFile,
    public_jwks,
    seal,
    sign_jwt,
    state_entry,
)
from waybill.values import State

# joserfc warns that RFC 9864 prefers the name Ed25519; PyJWT knows only EdDSA, and our keys fix
# the curve, which is what that RFC is about.
IGNORE_RFC_9864 = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


@pytest.fixture
def file(tmp_path: Path) -> SigningKeyFile:
    return SigningKeyFile(tmp_path / "state" / "keys.json")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(keys: list[SigningKey]) -> list[str]:
    return [key.key_id for key in keys]


def test_a_new_key_is_named_after_its_thumbprint() -> None:
    assert KEY.key_id == KEY.verifying_key().thumbprint[:16]
    assert OKPKey.import_key(dict(KEY.to_public_jwk())).thumbprint()[:16] == KEY.key_id
    assert SigningKey.generate().key_id != KEY.key_id


def test_a_signing_key_survives_its_jwk() -> None:
    again = SigningKey.from_private_jwk(json.loads(json.dumps(KEY.to_private_jwk())))
    assert again.sign(b"x") == KEY.sign(b"x")
    assert again.to_private_jwk() == KEY.to_private_jwk()
    assert again.verifying_key() == KEY.verifying_key()


def test_the_text_form_shows_no_secret() -> None:
    assert repr(KEY) == f"SigningKey(key_id='{KEY.key_id}', algorithm='EdDSA')"
    assert KEY.to_private_jwk()["d"] not in repr(KEY.verifying_key())


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "RSA"},
        {"crv": "Ed448"},
        {"alg": "HS256"},
        {"kid": ""},
        {"kid": "../x"},
        {"d": "AAAA"},
        {"d": 7},
        {"x": base64url.encode(bytes(32))},
    ],
    ids=str,
)
def test_jwks_that_are_no_signing_key(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        SigningKey.from_private_jwk(KEY.to_private_jwk() | changes)
    assert KEY.to_private_jwk()["d"] not in str(refused.value)


def test_a_public_jwk_cannot_sign() -> None:
    with pytest.raises(ValueError, match="private part"):
        SigningKey.from_private_jwk(KEY.to_public_jwk())


@IGNORE_RFC_9864
def test_joserfc_verifies_our_token() -> None:
    token = sign_jwt(claims(), KEY, typ=TYP)
    decoded = joserfc_jwt.decode(
        token, OKPKey.import_key(dict(KEY.to_public_jwk())), algorithms=["EdDSA"]
    )
    assert decoded.claims == claims()
    assert decoded.header == header()


def test_pyjwt_verifies_our_token() -> None:
    token = sign_jwt(claims(), KEY, typ=TYP)
    options: Any = {"verify_exp": False, "verify_iat": False}
    key = jwt.PyJWK(KEY.to_public_jwk())
    decoded = jwt.decode(token, key, audience="orders", issuer="products", options=options)
    assert decoded == claims()


@IGNORE_RFC_9864
def test_we_verify_joserfcs_token() -> None:
    token = jws.serialize_compact(
        header(),
        json.dumps(claims()).encode(),
        OKPKey.import_key(dict(KEY.to_private_jwk())),
        algorithms=["EdDSA"],
    )
    assert dict(verifier().verify(token)) == claims()


def test_a_token_is_compact() -> None:
    token = sign_jwt(claims(sub="zoë"), KEY, typ=TYP)
    head, body, _ = map(base64url.decode, token.encode().split(b"."))
    assert b" " not in head + body
    assert json.loads(body)["exp"] == NOW + TTL_S


def test_a_claim_that_json_lacks_is_not_signed() -> None:
    with pytest.raises(ValueError, match="JSON"):
        sign_jwt(claims(price=float("nan")), KEY, typ=TYP)


def test_the_published_example_of_pae() -> None:
    # https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pre_authentication_encoding("é", b"") == "DSSEv1 2 é 0 ".encode()


def test_a_seal_signs_type_and_payload() -> None:
    envelope = seal(message_v1(), KEY)
    assert envelope.payload_type == "shop.state.v1.AccessState"
    assert envelope.payload == message_v1().SerializeToString(deterministic=True)
    (signature,) = envelope.signatures
    assert signature.key_id == KEY.key_id
    assert len(signature.signature) == 64
    KEY.verifying_key().verify(
        signature.signature, pre_authentication_encoding(envelope.payload_type, envelope.payload)
    )


def test_public_keys_are_public() -> None:
    text = public_jwks([KEY])
    assert KEY.to_private_jwk()["d"] not in text
    assert KeySet.from_jwks(text) == KEYS.current()


def test_the_file_is_made_once_for_its_owner(file: SigningKeyFile, tmp_path: Path) -> None:
    keys = file.load_or_create()
    assert len(keys) == 1
    assert names(file.load_or_create()) == names(keys)
    (path,) = (tmp_path / "state").iterdir()
    assert mode(path) == 0o600


def test_rotation_keeps_the_older_keys(file: SigningKeyFile, tmp_path: Path) -> None:
    (first,) = names(file.load_or_create())
    second, kept = names(file.rotate())
    assert kept == first
    third, kept = names(file.rotate())
    assert kept == second
    assert names(file.load_or_create()) == [third, second]
    assert len(file.rotate(keep=3)) == 3
    assert len(file.rotate(keep=1)) == 1
    with pytest.raises(ValueError, match="keep"):
        file.rotate(keep=0)
    (path,) = (tmp_path / "state").iterdir()
    assert mode(path) == 0o600


def test_readers_get_the_public_part(file: SigningKeyFile, tmp_path: Path) -> None:
    keys = file.load_or_create()
    public = tmp_path / "public" / "jwks.json"
    file.write_public(public)
    assert mode(public) == 0o644
    assert KeySet.from_jwks(public.read_bytes()) == KeySet.of(keys[0].verifying_key())


def test_a_file_that_others_can_read_is_not_used(file: SigningKeyFile, tmp_path: Path) -> None:
    file.load_or_create()
    path = tmp_path / "state" / "keys.json"
    path.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        file.load_or_create()
    with pytest.raises(ValueError, match="chmod 600"):
        file.rotate()


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "iat", "exp", "rev"])
def test_the_claims_of_a_version_cannot_say_what_the_state_says(name: str) -> None:
    state = State("products", "orders", "ada", 7, NOW, NOW + TTL_S, ())
    with pytest.raises(ValueError, match=f"says already: {name}"):
        state_entry(state, {name: "other"}, KEY, version=1)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"keys": []}',
        '{"keys": [7]}',
        public_jwks([KEY]),
        json.dumps({"keys": [KEY.to_private_jwk()] * 2}),
    ],
    ids=["empty", "no keys", "none", "no object", "public", "twice"],
)
def test_a_bad_file_is_named(file: SigningKeyFile, tmp_path: Path, content: str) -> None:
    path = tmp_path / "state" / "keys.json"
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(ValueError, match=r"keys\.json: ") as refused:
        file.load_or_create()
    assert KEY.to_private_jwk()["d"] not in str(refused.value)
    assert path.read_text() == content


def test_many_that_start_at_once_get_the_same_key(file: SigningKeyFile, tmp_path: Path) -> None:
    found: list[list[str]] = []
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        found.append(names(file.load_or_create()))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(keys == found[0] for keys in found)
    assert len(list((tmp_path / "state").iterdir())) == 1
