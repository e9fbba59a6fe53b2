"""Keys, and sets of them."""

import json
from typing import Any

import pytest

from tests.unit.crypto_kit import KEY, OTHER_KEY
from waybill.keys import (
    BadSignature,
    KeySet,
    StaticKeys,
    VerifyingKey,
    find_key,
    is_key_id,
)
from waybill.signing import SigningKey

JWK = KEY.to_public_jwk()


def jwks(*keys: object) -> str:
    return json.dumps({"keys": list(keys)})


def test_the_published_example_of_ed25519() -> None:
    # RFC 8037, appendices A.1 to A.4.
    private = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "example",
    }
    key = SigningKey.from_private_jwk(private)
    verifying = key.verifying_key()
    assert verifying.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = key.sign(message)
    assert signature.hex().startswith("860c98d2297f3060a33f42739672d61b53cf3adefed3d3c6")
    verifying.verify(signature, message)
    with pytest.raises(BadSignature):
        verifying.verify(signature, message + b".")


def test_a_verifying_key_survives_its_jwk() -> None:
    key = KEY.verifying_key()
    again = VerifyingKey.from_jwk(key.to_jwk())
    assert again == key
    assert hash(again) == hash(key)
    assert VerifyingKey.from_jwk(key.to_jwk() | {"kid": "other"}) != key
    assert key.to_jwk() == JWK
    assert "d" not in JWK


def test_same_name_other_material_is_another_key() -> None:
    assert VerifyingKey.from_jwk(OTHER_KEY.to_public_jwk() | {"kid": KEY.key_id}) != (
        KEY.verifying_key()
    )


@pytest.mark.parametrize("key_id", ["a", "A-b_c.9", "k" * 64, "-x", "v6hH9OKBzqI3WllV", "a+b/c="])
def test_names_of_keys(key_id: str) -> None:
    assert is_key_id(key_id)


@pytest.mark.parametrize("key_id", ["", "k" * 65, "a/../b", ".hidden", "a b", "a\n", "é", 7, None])
def test_no_names_of_keys(key_id: object) -> None:
    assert not is_key_id(key_id)


PASSED_OVER = {
    "for encryption": JWK | {"use": "enc"},
    "use not a text": JWK | {"use": ["sig"]},
    "for signing only": JWK | {"key_ops": ["sign"]},
    "key_ops not a list": JWK | {"key_ops": "verify"},
    "other algorithm": JWK | {"alg": "HS256"},
    "other curve": JWK | {"crv": "X25519"},
    "other type": {"kty": "oct", "kid": "r"},
    "RSA for another algorithm": {"kty": "RSA", "alg": "PS256", "kid": "r"},
    "no type": {"kid": "n"},
}


@pytest.mark.parametrize("jwk", PASSED_OVER.values(), ids=PASSED_OVER.keys())
def test_keys_that_are_not_for_us_are_passed_over(jwk: dict[str, Any]) -> None:
    keys = KeySet.from_jwks(jwks(jwk, OTHER_KEY.to_public_jwk()))
    assert len(keys) == 1
    assert keys.get(OTHER_KEY.key_id) == OTHER_KEY.verifying_key()
    with pytest.raises(ValueError, match="not accepted"):
        VerifyingKey.from_jwk({"kty": "oct", "kid": "r"})


def test_optional_members() -> None:
    minimal = {name: JWK[name] for name in ("kty", "crv", "x", "kid")}
    extra = minimal | {"key_ops": ["verify"], "x5t": "abc", "issued": 7}
    for jwk in (minimal, extra):
        assert KeySet.from_jwks(jwks(jwk)).get(KEY.key_id) == KEY.verifying_key()


BAD_FILES = {
    "empty": ("", "JSON"),
    "no JSON": ("keys", "JSON"),
    "a bare key": (json.dumps(JWK), '{"keys"'),
    "a list": (json.dumps([JWK]), "not a JSON object"),
    "keys no list": ('{"keys": {}}', '{"keys"'),
    "a key no object": (jwks(JWK, "x"), r"keys\[1\]: not an object"),
    "a private key": (jwks(KEY.to_private_jwk()), r"keys\[0\]: a private key"),
    "a secret": (jwks(JWK, {"kty": "oct", "k": "c2VjcmV0"}), r"keys\[1\]: a private key"),
    "no key id": (jwks({**JWK, "kid": ""}), "`kid`"),
    "key id no text": (jwks({**JWK, "kid": 7}), "`kid`"),
    "same key id": (jwks(JWK, {**OTHER_KEY.to_public_jwk(), "kid": KEY.key_id}), "same `kid`"),
    "the same key": (jwks(JWK, JWK), "same `kid`"),
    "no x": (jwks({**JWK, "x": None}), "key material"),
    "x too short": (jwks({**JWK, "x": JWK["x"][:-4]}), "key material"),
    "x no text": (jwks({**JWK, "x": 7}), "key material"),
    "x padded": (jwks({**JWK, "x": JWK["x"] + "="}), "key material"),
    "duplicate member": (jwks(JWK)[:-3] + ', "kid": "x"}]}', "duplicate"),
    "nested": ('{"keys": ' + "[" * 2000 + "]" * 2000 + "}", "nested"),
    "lone surrogate": ("\ud800", "surrogates"),
}


@pytest.mark.parametrize(("text", "complaint"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_key_sets_say_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        KeySet.from_jwks(text)


UNUSABLE = {
    "no key id": (JWK | {"kid": ""}, "`kid`"),
    "key id no text": (JWK | {"kid": 7}, "`kid`"),
    "no x": (JWK | {"x": None}, "key material"),
    "x too short": (JWK | {"x": JWK["x"][:-4]}, "key material"),
}


@pytest.mark.parametrize(("jwk", "complaint"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_one_unusable_key_ends_no_trust_in_others(jwk: dict[str, Any], complaint: str) -> None:
    keys = KeySet.from_jwks(jwks(jwk, OTHER_KEY.to_public_jwk()))
    assert list(keys) == [OTHER_KEY.verifying_key()]
    [problem] = keys.passed_over
    assert problem.startswith("keys[0]: ")
    assert complaint in problem
    with pytest.raises(ValueError, match=complaint):
        KeySet.from_jwks(jwks(jwk, {"kty": "oct", "kid": "r"}))


def test_static_keys_change_when_told() -> None:
    source = StaticKeys(KeySet.of(KEY.verifying_key()))
    assert find_key(source, OTHER_KEY.key_id) is None
    source.replace(KeySet.of(OTHER_KEY.verifying_key()))
    assert find_key(source, KEY.key_id) is None
    assert find_key(source, OTHER_KEY.key_id) == OTHER_KEY.verifying_key()
