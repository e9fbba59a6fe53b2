"""Tokens that must be refused, by what is wrong with each.

Unless a row is about the signature, the signature of its token holds: what refuses it is the flaw
that it is named after.
"""

import hashlib
import hmac
import json
from itertools import product

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

from tests.unit.crypto_kit import KEY, LEEWAY_S, NOW, OTHER_KEY, TYP, as_json, claims, forge, header
from waybill import base64url

GOOD = forge()
HEAD, BODY, SIGNATURE = GOOD.split(".")
SIGNATURE_BYTES = base64url.decode(SIGNATURE.encode())


def with_header(**changes: object) -> str:
    return forge(header(**changes))


def with_claims(**changes: object) -> str:
    return forge(body=claims(**changes))


def raw_claims(text: str) -> str:
    """Good claims with `text` put in front, as raw JSON."""
    return forge(body=b"{" + text.encode() + b"," + as_json(claims())[1:])


def public_key_texts() -> dict[str, bytes]:
    """The public key in every form that somebody may have at hand."""
    jwk = KEY.to_public_jwk()
    public = OKPAlgorithm.from_jwk(jwk)
    assert isinstance(public, Ed25519PublicKey)
    spki = PublicFormat.SubjectPublicKeyInfo
    return {
        "pem": public.public_bytes(Encoding.PEM, spki),
        "der": public.public_bytes(Encoding.DER, spki),
        "ssh": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "raw": public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        "jwk": json.dumps(jwk).encode(),
    }


def hmac_token(secret: bytes) -> str:
    """HS256 with the public key as the secret: what a confused verifier takes for genuine."""
    signing_input = ".".join(base64url.encode(as_json(p)) for p in (header(alg="HS256"), claims()))
    digest = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{base64url.encode(digest)}"


def unsigned(alg: str) -> str:
    parts = (base64url.encode(as_json(part)) for part in (header(alg=alg), claims()))
    return ".".join((*parts, ""))


def json_serialisation(*, flattened: bool) -> str:
    signed = {"protected": HEAD, "signature": SIGNATURE}
    if flattened:
        return json.dumps({"payload": BODY, **signed})
    return json.dumps({"payload": BODY, "signatures": [signed]})


def swapped_last_character(part: str) -> str:
    """Another spelling of the same bytes: the last character's unused bits set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


def nested(depth: int) -> str:
    return raw_claims('"x":' + "[" * depth + "]" * depth)


NONE_SPELLINGS = ["".join(letters) for letters in product(*zip("none", "NONE", strict=True))]

ALGORITHM_ROWS = {
    **{f"alg {alg}, no signature": unsigned(alg) for alg in NONE_SPELLINGS},
    **{f"alg {alg}, signature holds": with_header(alg=alg) for alg in ("none", "None", "NONE")},
    **{f"HS256 by {name}": hmac_token(text) for name, text in public_key_texts().items()},
    "alg HS256 on an EdDSA signature": with_header(alg="HS256"),
    "alg ES256": with_header(alg="ES256"),
    "alg Ed448": with_header(alg="Ed448"),
    "alg eddsa": with_header(alg="eddsa"),
    "alg empty": with_header(alg=""),
    "alg missing": with_header(alg=None),
    "alg a list": with_header(alg=["EdDSA"]),
    "alg a number": with_header(alg=1),
}

HEADER_ROWS = {
    "crit unknown": with_header(crit=["exp"]),
    "crit empty": with_header(crit=[]),
    "crit not a list": with_header(crit="b64"),
    "crit b64": with_header(crit=["b64"], b64=True),
    "b64 false": with_header(crit=["b64"], b64=False),
    "b64 alone": with_header(b64=True),
    "embedded jwk": forge(header(jwk=OTHER_KEY.to_public_jwk()), key=OTHER_KEY),
    "embedded jwk of the right key": with_header(jwk=KEY.to_public_jwk()),
    "jku": with_header(jku="http://127.0.0.1:9/jwks.json"),
    "x5u": with_header(x5u="http://127.0.0.1:9/cert.pem"),
    "x5c": with_header(x5c=["MIIB"]),
    "x5t": with_header(x5t="abc"),
    "zip": with_header(zip="DEF"),
    "enc": with_header(enc="A256GCM"),
    "cty": with_header(cty="JWT"),
    "unknown name": with_header(hello="world"),
    "name in capitals": with_header(ALG="EdDSA"),
    "header too long": forge(as_json(header()) + b" " * 500),
    "header not an object": forge(b'["alg","kid","typ"]'),
    "header a text": forge(b'"EdDSA"'),
    "header empty": forge(b"{}"),
    "header null": forge(b"null"),
    "kid missing": with_header(kid=None),
    "kid unknown": with_header(kid="somebody-else"),
    "kid of another key": with_header(kid=OTHER_KEY.key_id),
    "kid a number": with_header(kid=7),
    "kid null": forge(b'{"alg":"EdDSA","kid":null,"typ":"' + TYP.encode() + b'"}'),
    "kid a list": with_header(kid=[KEY.key_id]),
    "kid an object": with_header(kid={"kid": KEY.key_id}),
    "kid empty": with_header(kid=""),
    "kid 65 bytes": with_header(kid="k" * 65),
    "kid path traversal": with_header(kid="../../../../dev/null"),
    "kid absolute path": with_header(kid="/dev/null"),
    "kid a URL": with_header(kid="http://127.0.0.1:9/key"),
    "kid SQL": with_header(kid="x' UNION SELECT 'k"),
    "kid NUL": with_header(kid=KEY.key_id + "\x00"),
    "kid new line": with_header(kid=KEY.key_id + "\n"),
    "kid not ASCII": with_header(kid="schlüssel"),
    "typ missing": with_header(typ=None),
    "typ JWT": with_header(typ="JWT"),
    "typ of users": with_header(typ="at+jwt"),
    "typ of another version": with_header(typ="waybill-state-v2+jwt"),
    "typ in capitals": with_header(typ=TYP.upper()),
    "typ with prefix": with_header(typ=f"application/{TYP}"),
    "typ a list": with_header(typ=[TYP]),
}

CLAIM_ROWS = {
    "iss wrong": with_claims(iss="Products"),
    "iss missing": with_claims(iss=None),
    "iss a list": with_claims(iss=["products"]),
    "aud wrong": with_claims(aud="order"),
    "aud missing": with_claims(aud=None),
    "aud list without us": with_claims(aud=["billing"]),
    "aud empty list": with_claims(aud=[]),
    "aud list with a number": with_claims(aud=["orders", 1]),
    "aud an object": with_claims(aud={"orders": 1}),
    "sub missing": with_claims(sub=None),
    "sub empty": with_claims(sub=""),
    "sub a number": with_claims(sub=1),
    "exp missing": with_claims(exp=None),
    "exp null": forge(body=as_json(claims(exp=None))[:-1] + b',"exp":null}'),
    "exp NaN": with_claims(exp=float("nan")),
    "exp Infinity": with_claims(exp=float("inf")),
    "exp -Infinity": with_claims(exp=float("-inf")),
    "exp 1e999": forge(body=as_json(claims(exp=None))[:-1] + b',"exp":1e999}'),
    "exp -1e999": forge(body=as_json(claims(exp=None))[:-1] + b',"exp":-1e999}'),
    "exp a float": with_claims(exp=NOW + 60.0),
    "exp a text": with_claims(exp=str(NOW + 60)),
    "exp true": with_claims(exp=True),
    "exp a list": with_claims(exp=[NOW + 60]),
    "exp negative": with_claims(exp=-1),
    "exp 2**53": with_claims(exp=2**53),
    "exp 400 digits": with_claims(exp=10**400),
    "exp 5000 digits": forge(body=as_json(claims(exp=None))[:-1] + b',"exp":' + b"9" * 5000 + b"}"),
    "iat missing": with_claims(iat=None),
    "iat in the future": with_claims(iat=NOW + LEEWAY_S + 1),
    "iat a text": with_claims(iat=str(NOW)),
    "iat true": with_claims(iat=True),
    "iat a float": with_claims(iat=float(NOW)),
    "nbf in the future": with_claims(nbf=NOW + LEEWAY_S + 1),
    "nbf a text": with_claims(nbf=str(NOW)),
    "nbf false": with_claims(nbf=False),
    "nbf 1e999": raw_claims('"nbf":1e999'),
    "expired and of another issuer": with_claims(iss="x", exp=NOW - 60),
}

JSON_ROWS = {
    "duplicate claim": raw_claims('"sub":"eve"'),
    "duplicate unknown claim": raw_claims('"x":1,"x":1'),
    "duplicate nested": raw_claims('"x":{"a":1,"a":2}'),
    "duplicate by escape": raw_claims('"s\\u0075b":"eve"'),
    "duplicate header name": forge(as_json(header())[:-1] + b',"alg":"EdDSA"}'),
    "BOM before claims": forge(body=b"\xef\xbb\xbf" + as_json(claims())),
    "BOM before header": forge(b"\xef\xbb\xbf" + as_json(header())),
    **{
        f"claims in {name}": forge(body=json.dumps(claims()).encode(name))
        for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")
    },
    "header in utf-16": forge(json.dumps(header()).encode("utf-16-le")),
    "latin-1": forge(body=as_json(claims())[:-1] + ',"x":"ü"}'.encode("latin-1")),
    "overlong UTF-8": forge(body=as_json(claims())[:-1] + b',"x":"\xc0\xaf"}'),
    "surrogate in UTF-8": forge(body=as_json(claims())[:-1] + b',"x":"\xed\xa0\x80"}'),
    "lone surrogate": raw_claims('"x":"\\ud800"'),
    "lone low surrogate": raw_claims('"x":"\\uDC00"'),
    "surrogates swapped": raw_claims('"x":"\\udc00\\ud800"'),
    "lone surrogate in a name": raw_claims('"\\ud800":1'),
    "lone surrogate in sub": with_claims(sub="ada\ud800"),
    "NaN in an unknown claim": raw_claims('"x":NaN'),
    "1e999 in an unknown claim": raw_claims('"x":1e999'),
    "nested 9": nested(8),
    "nested 1,000": nested(1_000),
    "nested 5,000": nested(5_000),
    "nested and never closed": forge(body=b'{"x":' + b"[" * 10_000),
    "nested objects": forge(body=b'{"x":' * 1_500 + b"1" + b"}" * 1_500),
    "nested in the header": forge(b'{"alg":' + b"[" * 200 + b"]" * 200 + b"}"),
    "nested behind a text": raw_claims('"a":"\\"]]]]]]","x":' + "[" * 40 + "]" * 40),
    "claims a list": forge(body=b"[]"),
    "claims a text": forge(body=b'"claims"'),
    "claims not JSON": forge(body=b"sub=ada"),
    "claims cut short": forge(body=as_json(claims())[:-1]),
    "claims with something after": forge(body=as_json(claims()) + b"{}"),
    "control character": raw_claims('"x":"\x01"'),
    "comment": forge(body=as_json(claims())[:-1] + b"/* hi */}"),
    "trailing comma": forge(body=as_json(claims())[:-1] + b",}"),
    "single quotes": forge(body=str(claims()).encode()),
}

FORM_ROWS = {
    "empty": "",
    "one part": HEAD,
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.{SIGNATURE}",
    "five parts, a JWE": f"{HEAD}.{BODY}.{SIGNATURE}.{BODY}.{SIGNATURE}",
    "only dots": "..",
    "no header": f".{BODY}.{SIGNATURE}",
    "detached payload": f"{HEAD}..{SIGNATURE}",
    "no signature": f"{HEAD}.{BODY}.",
    "JSON serialisation, flattened": json_serialisation(flattened=True),
    "JSON serialisation, general": json_serialisation(flattened=False),
    "padded": f"{GOOD}=",
    "padded twice": f"{GOOD}==",
    "padded header": f"{HEAD}==.{BODY}.{SIGNATURE}",
    "space before": f" {GOOD}",
    "space after": f"{GOOD} ",
    "new line after": f"{GOOD}\n",
    "new line inside": f"{HEAD}.{BODY[:20]}\n{BODY[20:]}.{SIGNATURE}",
    "space around a dot": f"{HEAD} .{BODY}.{SIGNATURE}",
    "NUL inside": f"{HEAD}.{BODY}\x00.{SIGNATURE}",
    "standard alphabet": GOOD.replace("-", "+").replace("_", "/") + "+/",
    "other spelling of the signature": f"{HEAD}.{BODY}.{swapped_last_character(SIGNATURE)}",
    "one character too many": f"{GOOD}AAA",
    "not ASCII": f"{GOOD}é",
    "full-width dot": GOOD.replace(".", "\uff0e"),
    "lone surrogate in the text": f"{GOOD}\ud800",
    "bearer prefix": f"Bearer {GOOD}",
    "two tokens": f"{GOOD},{GOOD}",
}

SIGNATURE_ROWS = {
    "another key": forge(key=OTHER_KEY),
    "another key's whole token": forge(header(kid=OTHER_KEY.key_id), key=OTHER_KEY),
    "signature of another token": f"{HEAD}.{BODY}.{with_claims(sub='eve').split('.')[2]}",
    "claims of another token": f"{HEAD}.{with_claims(sub='eve').split('.')[1]}.{SIGNATURE}",
    "signature all zero": f"{HEAD}.{BODY}.{base64url.encode(bytes(64))}",
    "signature too short": f"{HEAD}.{BODY}.{base64url.encode(SIGNATURE_BYTES[:-1])}",
    "signature too long": f"{HEAD}.{BODY}.{base64url.encode(SIGNATURE_BYTES + b'x')}",
    "signature of the claims": f"{HEAD}.{BODY}.{base64url.encode(KEY.sign(as_json(claims())))}",
}

INVALID_ROWS = {
    **ALGORITHM_ROWS,
    **HEADER_ROWS,
    **CLAIM_ROWS,
    **JSON_ROWS,
    **FORM_ROWS,
    **SIGNATURE_ROWS,
}
