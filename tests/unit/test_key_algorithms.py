"""Keys of every algorithm: made, written, read back strictly; joserfc as second opinion."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import import_key
from jwt.algorithms import ECAlgorithm

from products_svc.settings import Settings
from tests.unit.crypto_kit import TYP, claims, key_of, verifier
from waybill import base64url
from waybill.algorithms import ALGORITHMS, DEFAULT_ALGORITHM
from waybill.keys import BadSignature, KeySet, StaticKeys, VerifyingKey
from waybill.signing import SigningKey, SigningKeyFile, public_jwks, sign_jwt

SIGNATURE_BYTES = {"EdDSA": 64, "ES256": 64, "RS256": 256}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(params=ALGORITHMS)
def key(request: pytest.FixtureRequest) -> SigningKey:
    return key_of(request.param)


def header(key: SigningKey) -> dict[str, str]:
    return {"alg": key.algorithm, "kid": key.key_id, "typ": TYP}


@contextmanager
def joserfc_says_what_it_likes() -> Iterator[None]:
    """It warns that RFC 9864 prefers the name Ed25519, which PyJWT does not know."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "EdDSA is deprecated")
        yield


def number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8))


def rsa_jwk(bits: int, exponent: int = 65_537) -> dict[str, Any]:
    private = rsa.generate_private_key(65_537, bits)
    jwk = ALGORITHMS["RS256"].jwk_of(private, private=True)
    return {**jwk, "e": number(exponent), "kid": "small"}


def test_every_algorithm_can_be_made_and_set() -> None:
    assert set(get_args(Settings.model_fields["signing_algorithm"].annotation)) == set(ALGORITHMS)
    assert Settings.model_fields["signing_algorithm"].default == DEFAULT_ALGORITHM
    assert set(SIGNATURE_BYTES) == set(ALGORITHMS)


def test_a_key_survives_its_jwk_both_ways(key: SigningKey) -> None:
    private = json.loads(json.dumps(key.to_private_jwk()))
    again = SigningKey.from_private_jwk(private)
    assert again.to_private_jwk() == private
    public = VerifyingKey.from_jwk(json.loads(json.dumps(key.to_public_jwk())))
    assert public == again.verifying_key() == key.verifying_key()
    public.verify(again.sign(b"said"), b"said")
    assert "key_ops" not in private, "RFC 7517, section 4.3: not beside `use`"
    assert private.keys() - public.to_jwk().keys() == set(ALGORITHMS[key.algorithm].secrets)


def test_another_implementation_reads_the_jwk(key: SigningKey) -> None:
    theirs = import_key(dict(key.to_public_jwk()))
    assert theirs.thumbprint() == key.verifying_key().thumbprint
    assert key.key_id == theirs.thumbprint()[:16]
    assert import_key(dict(key.to_private_jwk())).is_private


def test_signatures_have_the_size_of_their_standard(key: SigningKey) -> None:
    assert len(key.sign(b"said")) == SIGNATURE_BYTES[key.algorithm]


def test_another_implementation_verifies_our_token(key: SigningKey) -> None:
    token = sign_jwt(claims(), key, typ=TYP)
    with joserfc_says_what_it_likes():
        decoded = joserfc_jwt.decode(
            token, import_key(dict(key.to_public_jwk())), algorithms=[key.algorithm]
        )
    assert (decoded.claims, decoded.header) == (claims(), header(key))


def test_we_verify_the_token_of_another_implementation(key: SigningKey) -> None:
    with joserfc_says_what_it_likes():
        token = jws.serialize_compact(
            header(key),
            json.dumps(claims()).encode(),
            import_key(dict(key.to_private_jwk())),
            algorithms=[key.algorithm],
        )
    keys = StaticKeys(KeySet.of(key.verifying_key()))
    assert dict(verifier(keys).verify(token)) == claims()


def test_algorithms_can_be_mixed_in_one_set(tmp_path: Any) -> None:
    path = tmp_path / "keys.json"
    for algorithm in ALGORITHMS:
        keys = SigningKeyFile(path, algorithm).rotate(keep=4)
    assert [each.algorithm for each in keys] == [*reversed(list(ALGORITHMS)), DEFAULT_ALGORITHM]
    trusted = KeySet.from_jwks(public_jwks(keys))
    for each in keys:
        token = sign_jwt(claims(), each, typ=TYP)
        assert verifier(StaticKeys(trusted)).verify(token)["sub"] == "ada"


def test_the_text_form_shows_no_secret(key: SigningKey) -> None:
    private = key.to_private_jwk()
    for name in ALGORITHMS[key.algorithm].secrets:
        assert private[name] not in repr(key)
        assert private[name] not in public_jwks([key])


def test_each_member_is_needed(key: SigningKey) -> None:
    kind, private = ALGORITHMS[key.algorithm], key.to_private_jwk()
    for name in (*kind.numbers, *kind.secrets):
        for bad in (None, 7, "", private[name] + "=", private[name][:-2], "A" + private[name]):
            with pytest.raises(ValueError, match=r"key material|private part") as refused:
                SigningKey.from_private_jwk(_with(private, name, bad))
            assert private[name] not in str(refused.value)
            if name in kind.numbers:
                with pytest.raises(ValueError, match="key material"):
                    VerifyingKey.from_jwk(_with(key.to_public_jwk(), name, bad))


def _with(jwk: dict[str, str], name: str, value: object) -> dict[str, object]:
    changed: dict[str, object] = {**jwk, name: value}
    if value is None:
        del changed[name]
    return changed


def test_a_private_part_of_another_key(key: SigningKey) -> None:
    other = SigningKey.generate(key.algorithm).to_private_jwk()
    secrets = {name: other[name] for name in ALGORITHMS[key.algorithm].secrets}
    with pytest.raises(ValueError, match="key material"):
        SigningKey.from_private_jwk(key.to_private_jwk() | secrets)


def test_a_key_cannot_be_passed_off_as_one_of_another_algorithm(key: SigningKey) -> None:
    for name in {*ALGORITHMS, "HS256", "none", "PS256"} - {key.algorithm}:
        for jwk in (key.to_public_jwk(), key.to_private_jwk()):
            with pytest.raises(ValueError, match="not accepted"):
                VerifyingKey.from_jwk(jwk | {"alg": name})
    for other in set(ALGORITHMS.values()) - {ALGORITHMS[key.algorithm]}:
        changed = key.to_public_jwk() | {"kty": other.key_type}
        with pytest.raises(ValueError, match=r"not accepted|key material"):
            VerifyingKey.from_jwk(changed)


def test_points_that_are_not_on_the_curve() -> None:
    jwk = key_of("ES256").to_public_jwk()
    off = bytearray(base64url.decode(jwk["y"].encode()))
    off[-1] ^= 1
    for x, y in (
        (jwk["x"], base64url.encode(bytes(off))),
        (jwk["y"], jwk["x"]),
        (base64url.encode(bytes(32)), base64url.encode(bytes(32))),
        (base64url.encode(b"\xff" * 32), jwk["y"]),
    ):
        with pytest.raises(ValueError, match="key material"):
            VerifyingKey.from_jwk(jwk | {"x": x, "y": y})


@pytest.mark.parametrize("secret", [0, P256_ORDER, P256_ORDER + 1, 2**256 - 1], ids=str)
def test_private_numbers_outside_of_the_curves_order(secret: int) -> None:
    jwk = key_of("ES256").to_private_jwk() | {"d": base64url.encode(secret.to_bytes(32))}
    with pytest.raises(ValueError, match="key material"):
        SigningKey.from_private_jwk(jwk)


def test_other_curves() -> None:
    for curve in (ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()):
        jwk = ECAlgorithm.to_jwk(ec.generate_private_key(curve).public_key(), as_dict=True)
        with pytest.raises(ValueError, match="not accepted"):
            VerifyingKey.from_jwk({**jwk, "kid": "k"})
        with pytest.raises(ValueError, match="key material"):
            VerifyingKey.from_jwk({**jwk, "crv": "P-256", "kid": "k"})


@pytest.mark.parametrize(
    "jwk",
    [rsa_jwk(1024), rsa_jwk(2040), rsa_jwk(2048, 3), rsa_jwk(2048, 17)],
    ids=["1024 bit", "2040 bit", "e of 3", "e of 17"],
)
def test_rsa_keys_of_the_wrong_size_or_exponent(jwk: dict[str, Any]) -> None:
    public = {name: jwk[name] for name in ("kty", "n", "e", "kid")}
    with pytest.raises(ValueError, match="key material"):
        VerifyingKey.from_jwk(public)
    with pytest.raises(ValueError, match="key material"):
        SigningKey.from_private_jwk(jwk)


def test_an_rsa_modulus_too_large_is_refused_before_it_is_used() -> None:
    public = {"kty": "RSA", "kid": "k", "e": "AQAB", "n": number((1 << 4096) + 1)}
    with pytest.raises(ValueError, match="key material"):
        VerifyingKey.from_jwk(public)
    VerifyingKey.from_jwk(public | {"n": number((1 << 4095) + 1)})


def test_an_rsa_key_of_many_primes_or_without_its_primes() -> None:
    jwk = key_of("RS256").to_private_jwk()
    bare = {name: jwk[name] for name in ("kty", "n", "e", "d", "kid")}
    with pytest.raises(ValueError, match="key material"):
        SigningKey.from_private_jwk(bare)
    with pytest.raises(ValueError, match="key material"):
        SigningKey.from_private_jwk({**jwk, "oth": [{"r": "AQAB", "d": "AQAB", "t": "AQAB"}]})


def test_the_published_example_of_rs256() -> None:
    # RFC 7515, appendix A.2: modulus and signature, the input as of appendix A.2.1.
    public = VerifyingKey.from_jwk({"kty": "RSA", "kid": "a2", "e": "AQAB", "n": RFC_7515_N})
    payload = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    message = b"eyJhbGciOiJSUzI1NiJ9." + base64url.encode(payload).encode()
    signature = base64url.decode(RFC_7515_RS256_SIGNATURE.encode())
    public.verify(signature, message)
    with pytest.raises(BadSignature):
        public.verify(signature, message + b".")


def test_the_published_example_of_es256() -> None:
    # RFC 7515, appendix A.3.
    public = VerifyingKey.from_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "kid": "a3",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    )
    payload = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    message = b"eyJhbGciOiJFUzI1NiJ9." + base64url.encode(payload).encode()
    signature = base64url.decode(
        b"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    public.verify(signature, message)
    with pytest.raises(BadSignature):
        public.verify(signature, message + b".")


RFC_7515_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
RFC_7515_RS256_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
    "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
    "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
