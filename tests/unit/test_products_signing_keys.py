"""The key that signs: made once, rotated under a running service, robust against bad files."""

import json
from pathlib import Path

import pytest

from products_svc.signing_keys import RotatingKey, UnusableKeys, publish, rotate
from waybill.keys import KeySet
from waybill.signing import SigningKeyFile
from waybill.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def public_ids(path: Path) -> list[str]:
    text = path.read_text()
    KeySet.from_jwks(text)
    return [key["kid"] for key in json.loads(text)["keys"]]


def test_the_first_run_makes_a_key_that_only_its_owner_reads(
    tmp_path: Path, clock: FakeClock
) -> None:
    path, public = tmp_path / "signing.json", tmp_path / "public.json"
    key = RotatingKey(path, clock).current()
    publish(path, public)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_ids(public) == [key.key_id]
    assert RotatingKey(path, clock).current().key_id == key.key_id


def test_a_new_key_signs_once_readers_had_time_to_see_it(tmp_path: Path, clock: FakeClock) -> None:
    path, public = tmp_path / "signing.json", tmp_path / "public.json"
    keys = RotatingKey(path, clock, check_every_s=1, settle_s=3)
    old = keys.current().key_id
    new = rotate(path, public)[0].key_id
    assert public_ids(public) == [new, old]
    assert keys.current().key_id == old, "it has not looked yet"
    clock.advance(1)
    assert keys.current().key_id == old, "readers may not know the new one yet"
    clock.advance(2.9)
    assert keys.current().key_id == old
    clock.advance(0.1)
    assert keys.current().key_id == new


def test_a_key_that_is_no_longer_trusted_stops_signing_at_once(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "signing.json"
    keys = RotatingKey(path, clock)
    new = SigningKeyFile(path).rotate(keep=1)[0].key_id
    clock.advance(1)
    assert keys.current().key_id == new


def test_a_second_rotation_does_not_confuse_the_first(tmp_path: Path, clock: FakeClock) -> None:
    path, public = tmp_path / "signing.json", tmp_path / "public.json"
    keys = RotatingKey(path, clock, check_every_s=1, settle_s=3)
    rotate(path, public)
    clock.advance(1)
    keys.current()
    newest = rotate(path, public)[0].key_id
    clock.advance(1)
    assert keys.current().key_id == newest, "the key it signed with is gone by now"


def test_a_key_that_is_taken_away_while_the_next_one_waits(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "signing.json"
    keys = RotatingKey(path, clock, check_every_s=1, settle_s=30)
    new, old = SigningKeyFile(path).rotate()
    clock.advance(1)
    assert keys.current().key_id == old.key_id
    path.write_text(json.dumps({"keys": [new.to_private_jwk()]}))
    clock.advance(1)
    assert keys.current().key_id == new.key_id


@pytest.mark.parametrize("text", [None, "", "{}", "not JSON"])
def test_a_bad_new_file_changes_nothing(tmp_path: Path, clock: FakeClock, text: str | None) -> None:
    path = tmp_path / "signing.json"
    problems: list[str] = []
    keys = RotatingKey(path, clock, on_problem=problems.append)
    old = keys.current().key_id
    good = path.read_text()
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    for _ in range(3):
        clock.advance(10)
        assert keys.current().key_id == old
    assert problems == [keys.last_error]
    path.write_text(good)
    path.chmod(0o600)
    clock.advance(10)
    assert keys.current().key_id == old
    assert keys.last_error is None


def test_a_bad_file_at_the_start_is_told(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "signing.json"
    path.write_text("{}")
    path.chmod(0o600)
    with pytest.raises(UnusableKeys, match=r"signing\.json"):
        RotatingKey(path, clock)
    path.chmod(0o644)
    with pytest.raises(UnusableKeys, match="chmod 600"):
        rotate(path, tmp_path / "public.json")


def test_a_key_that_cannot_be_published_does_not_come_to_sign(tmp_path: Path) -> None:
    path = tmp_path / "signing.json"
    before = SigningKeyFile(path).load_or_create()
    with pytest.raises(UnusableKeys):
        rotate(path, path / "public.json")
    assert [key.key_id for key in SigningKeyFile(path).load_or_create()] == [
        key.key_id for key in before
    ]
