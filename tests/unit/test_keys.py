"""Keys, key sets, and the file that a set comes from."""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.crypto_kit import KEY, OTHER_KEY
from waybill.errors import KeysUnavailable
from waybill.keys import (
    MAX_JWKS_BYTES,
    MISSING_EVERY_S,
    BadSignature,
    Cause,
    JwksFile,
    KeySet,
    Look,
    StaticKeys,
    VerifyingKey,
    find_key,
    is_key_id,
)
from waybill.signing import SigningKey, public_jwks
from waybill.testing import FakeClock

JWK = KEY.to_public_jwk()


def jwks(*keys: object) -> str:
    return json.dumps({"keys": list(keys)})


class CountedFile(JwksFile):
    """Counts how often the file is looked at."""

    looks = 0

    def _look(self, cause: Cause) -> None:
        self.looks += 1
        super()._look(cause)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jwks.json"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def publish(path: Path, *keys: SigningKey) -> None:
    """Replace the file in one step, as issuers do."""
    temporary = path.with_suffix(".new")
    temporary.write_text(public_jwks(keys))
    temporary.replace(path)


def ids(keys: KeySet, *candidates: SigningKey) -> list[SigningKey]:
    return [key for key in candidates if keys.get(key.key_id)]


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


@pytest.mark.parametrize("key_id", ["a", "A-b_c.9", "k" * 64, "-x", "v6hH9OKBzqI3WllV"])
def test_names_of_keys(key_id: str) -> None:
    assert is_key_id(key_id)


@pytest.mark.parametrize("key_id", ["", "k" * 65, "a/b", ".hidden", "a b", "a\n", "é", 7, None])
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


def test_an_empty_set_trusts_nobody(path: Path, clock: FakeClock) -> None:
    publish(path, KEY)
    source = JwksFile(path, clock)
    assert len(source.current()) == 1
    path.write_text('{"keys": []}')
    clock.advance(1)
    assert len(source.current()) == 0


def test_static_keys_change_when_told() -> None:
    source = StaticKeys(KeySet.of(KEY.verifying_key()))
    assert find_key(source, OTHER_KEY.key_id) is None
    source.replace(KeySet.of(OTHER_KEY.verifying_key()))
    assert find_key(source, KEY.key_id) is None
    assert find_key(source, OTHER_KEY.key_id) == OTHER_KEY.verifying_key()


def test_nothing_is_known_before_the_file_is_there(path: Path, clock: FakeClock) -> None:
    source = CountedFile(path, clock)
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            source.current()
    assert source.looks == 1
    assert source.last_error is not None
    assert str(path) in source.last_error
    publish(path, KEY)
    clock.advance(1)
    assert ids(source.current(), KEY) == [KEY]
    assert source.last_error is None


def test_a_changed_file_is_picked_up(path: Path, clock: FakeClock) -> None:
    publish(path, KEY)
    source = JwksFile(path, clock, check_every_s=10)
    assert ids(source.current(), KEY, OTHER_KEY) == [KEY]
    publish(path, OTHER_KEY, KEY)
    clock.advance(9.9)
    assert ids(source.current(), KEY, OTHER_KEY) == [KEY]
    clock.advance(0.1)
    assert ids(source.current(), KEY, OTHER_KEY) == [KEY, OTHER_KEY]
    publish(path, OTHER_KEY)
    clock.advance(10)
    assert ids(source.current(), KEY, OTHER_KEY) == [OTHER_KEY]


def test_an_unchanged_file_is_not_read_again(path: Path, clock: FakeClock) -> None:
    publish(path, KEY)
    source = JwksFile(path, clock)
    first = source.current()
    clock.advance(100)
    assert source.current() is first


def test_a_missing_key_id_brings_one_look_more(path: Path, clock: FakeClock) -> None:
    publish(path, KEY)
    source = CountedFile(path, clock)
    source.current()
    publish(path, KEY, OTHER_KEY)
    assert find_key(source, OTHER_KEY.key_id) == OTHER_KEY.verifying_key()
    assert source.looks == 2


@given(st.lists(st.floats(0.001, 40), max_size=60))
def test_strangers_key_ids_bring_at_most_one_look_in_30_s(
    tmp_path_factory: pytest.TempPathFactory, pauses: list[float]
) -> None:
    path, clock = tmp_path_factory.mktemp("keys") / "jwks.json", FakeClock()
    publish(path, KEY)
    looked: list[float] = []

    def note(look: Look) -> None:
        if look.cause is Cause.MISSING_KEY:
            looked.append(clock())

    source = JwksFile(path, clock, check_every_s=5, on_look=note)
    for number, pause in enumerate(pauses):
        clock.advance(pause)
        for each in range(3):
            assert find_key(source, f"stranger-{number}-{each}") is None
    gaps = [later - earlier for earlier, later in pairwise(looked)]
    assert all(gap >= MISSING_EVERY_S for gap in gaps)


def test_looks_tell_why_and_what_they_brought(path: Path, clock: FakeClock) -> None:
    looks: list[Look] = []
    publish(path, KEY)
    source = JwksFile(path, clock, on_look=looks.append)
    find_key(source, "stranger")
    path.write_text("no key set")
    clock.advance(1)
    source.current()
    assert [(look.cause, look.changed) for look in looks] == [
        (Cause.TIME, True),
        (Cause.MISSING_KEY, False),
        (Cause.TIME, False),
    ]
    assert [look.error is None for look in looks] == [True, True, False]


def test_a_clock_that_is_set_back_does_not_stop_the_looks(path: Path, clock: FakeClock) -> None:
    publish(path, KEY)
    source = JwksFile(path, clock)
    source.current()
    publish(path, OTHER_KEY)
    clock.advance(-3600)
    assert ids(source.current(), KEY, OTHER_KEY) == [OTHER_KEY]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", jwks(KEY.to_private_jwk()).encode()],
    ids=["empty", "no text", "a private key"],
)
def test_a_bad_file_changes_nothing(path: Path, clock: FakeClock, content: bytes) -> None:
    publish(path, KEY)
    source = JwksFile(path, clock)
    source.current()
    path.write_bytes(content)
    clock.advance(1)
    assert ids(source.current(), KEY) == [KEY]
    assert source.last_error is not None
    assert KEY.to_private_jwk()["d"] not in source.last_error
    publish(path, OTHER_KEY)
    clock.advance(1)
    assert ids(source.current(), KEY, OTHER_KEY) == [OTHER_KEY]
    assert source.last_error is None


def test_a_bad_file_is_read_again_even_if_it_looks_unchanged(path: Path, clock: FakeClock) -> None:
    # Written in place, within one tick of the file system's clock: same size, time and inode.
    good = public_jwks([KEY]).encode()
    path.write_bytes(good[:-2] + b"x\n")
    before = path.stat()
    source = JwksFile(path, clock)
    with pytest.raises(KeysUnavailable):
        source.current()
    path.write_bytes(good)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_ino) == (before.st_size, before.st_ino)
    clock.advance(1)
    assert ids(source.current(), KEY) == [KEY]


def test_a_file_that_goes_away_changes_nothing(path: Path, clock: FakeClock) -> None:
    publish(path, KEY)
    source = JwksFile(path, clock)
    source.current()
    path.unlink()
    clock.advance(1)
    assert ids(source.current(), KEY) == [KEY]
    assert source.last_error is not None


def test_what_is_no_sensible_file(tmp_path: Path, clock: FakeClock) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    large = tmp_path / "large"
    large.write_bytes(b" " * (MAX_JWKS_BYTES + 1))
    for path, complaint in [(pipe, "regular"), (tmp_path, "regular"), (large, "larger")]:
        source = JwksFile(path, clock)
        with pytest.raises(KeysUnavailable):
            source.current()
        assert complaint in (source.last_error or "")
