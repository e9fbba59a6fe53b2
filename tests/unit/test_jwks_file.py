"""The file that keys come from."""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.crypto_kit import KEY, OTHER_KEY
from waybill.errors import KeysUnavailable
from waybill.jwks_file import JwksFile
from waybill.keys import (
    MAX_JWKS_BYTES,
    MISSING_EVERY_S,
    Cause,
    KeySet,
    Look,
    find_key,
)
from waybill.signing import SigningKey, public_jwks
from waybill.testing import FakeClock


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


def test_an_empty_set_trusts_nobody(path: Path, clock: FakeClock) -> None:
    publish(path, KEY)
    source = JwksFile(path, clock)
    assert len(source.current()) == 1
    path.write_text('{"keys": []}')
    clock.advance(1)
    assert len(source.current()) == 0


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
