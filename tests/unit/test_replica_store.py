"""One writer, whole snapshots, and rows that come back as they went in."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_svc.feed.steps import Position
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.records import (
    COLD,
    META_KEY,
    Meta,
    Row,
    grant_key,
    pack_meta,
    pack_row,
    unpack_meta,
    unpack_row,
)
from orders_svc.replica.status import Trust
from orders_svc.replica.store import (
    ReplicaLocked,
    ReplicaStore,
    ReplicaUnusable,
    SnapshotIncomplete,
)
from shop.products.v1.products_pb2 import Grant
from tests.feed_kit import granted, revoked

INT64 = st.integers(-(2**63), 2**63 - 1)
SUBJECTS = st.text(min_size=1, max_size=20)
PRODUCT_IDS = st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReplicaStore]:
    store = ReplicaStore(tmp_path, 1 << 20)
    yield store
    store.close()


def grants_of(store: ReplicaStore, subject: str, *product_ids: str) -> set[str]:
    store_meta = store.meta()
    reader = ReplicaReader(
        OwnEnvironment(store.environment), Trust(clock=lambda: store_meta.synced_at)
    )
    return set(reader.grants(subject, product_ids))


def stage(store: ReplicaStore, *product_ids: str) -> None:
    store.begin_snapshot()
    store.stage(5, [("ada", Grant(product_id=product_id)) for product_id in product_ids])


@given(st.builds(Meta, INT64, INT64, st.floats(allow_nan=False), st.booleans(), INT64))
def test_the_description_comes_back(meta: Meta) -> None:
    assert unpack_meta(pack_meta(meta)) == meta


@given(st.binary(max_size=64))
def test_a_description_of_another_release_is_no_copy(packed: bytes) -> None:
    meta = unpack_meta(packed)
    assert meta == COLD or pack_meta(meta)[:1] == packed[:1]


@given(st.integers(-(2**31), 2**31 - 1), INT64, INT64)
def test_a_row_comes_back(most: int, price: int, revision: int) -> None:
    assert unpack_row(pack_row(Row(most, price, revision))) == (most, price, revision)


@given(st.tuples(SUBJECTS, PRODUCT_IDS), st.tuples(SUBJECTS, PRODUCT_IDS))
def test_keys_are_as_different_as_what_they_name(
    one: tuple[str, str], two: tuple[str, str]
) -> None:
    assert (grant_key(*one) == grant_key(*two)) == (one == two)
    assert grant_key(*one) != META_KEY


def test_is_cold_at_first(store: ReplicaStore) -> None:
    assert store.meta() == COLD


def test_a_snapshot_replaces_everything(store: ReplicaStore) -> None:
    stage(store, "1", "2")
    store.commit_snapshot(Position(1, 5), 2, synced_at=100.0)
    stage(store, "3")
    store.commit_snapshot(Position(1, 6), 1, synced_at=101.0)
    assert store.meta() == Meta(1, 6, 101.0, ready=True, grants=1)
    assert grants_of(store, "ada", "1", "2", "3") == {"3"}


def test_readers_see_nothing_of_a_staged_snapshot(store: ReplicaStore) -> None:
    stage(store, "1")
    store.commit_snapshot(Position(1, 5), 1, synced_at=100.0)
    stage(store, "2", "3")
    assert grants_of(store, "ada", "1", "2", "3") == {"1"}
    assert store.meta().grants == 1
    store.discard_snapshot()
    assert grants_of(store, "ada", "1", "2", "3") == {"1"}


@pytest.mark.parametrize("count", [1, 3])
def test_another_count_drops_the_snapshot(store: ReplicaStore, count: int) -> None:
    stage(store, "1", "2")
    with pytest.raises(SnapshotIncomplete):
        store.commit_snapshot(Position(1, 5), count, synced_at=100.0)
    assert store.meta() == COLD


def test_a_repeated_grant_does_not_make_up_for_a_lost_one(store: ReplicaStore) -> None:
    stage(store, "1", "1")
    with pytest.raises(SnapshotIncomplete):
        store.commit_snapshot(Position(1, 5), 2, synced_at=100.0)


def test_changes_and_position_are_one_write(store: ReplicaStore) -> None:
    stage(store, "1", "2")
    store.commit_snapshot(Position(1, 5), 2, synced_at=100.0)
    store.apply(
        Position(1, 8), [granted(6, "ada", "3"), revoked(7, "ada", "1"), revoked(8, "eve", "1")]
    )
    assert store.meta() == Meta(1, 8, 100.0, ready=True, grants=2)
    assert grants_of(store, "ada", "1", "2", "3") == {"2", "3"}


def test_incomplete_until_complete(store: ReplicaStore) -> None:
    stage(store, "1")
    store.commit_snapshot(Position(1, 5), 1, synced_at=100.0)
    store.mark_incomplete()
    assert not store.meta().ready
    store.mark_complete(103.0)
    assert store.meta() == Meta(1, 5, 103.0, ready=True, grants=1)


def test_a_full_map_loses_nothing_and_grows(store: ReplicaStore) -> None:
    stage(store, "1")
    store.commit_snapshot(Position(1, 5), 1, synced_at=100.0)
    many = [granted(6 + n, "ada", f"{n:060}") for n in range(20_000)]
    with pytest.raises(lmdb.MapFullError):
        store.apply(Position(1, 20_005), many)
    assert store.meta().revision == 5
    for _ in range(4):
        store.grow()
    store.apply(Position(1, 20_005), many)
    assert store.meta().grants == 20_001


def test_a_second_writer_is_told_why_not(store: ReplicaStore, tmp_path: Path) -> None:
    with pytest.raises(ReplicaLocked, match="has a follower already"):
        ReplicaStore(tmp_path, 1 << 20)
    assert store.meta() == COLD


def test_a_second_writing_process_is_told_why_not(store: ReplicaStore, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from orders_svc.replica.store import ReplicaStore; "
        "ReplicaStore(pathlib.Path(sys.argv[1]), 1 << 20)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert other.returncode != 0
    assert "ReplicaLocked" in other.stderr


def test_the_next_writer_gets_the_lock_and_the_copy(tmp_path: Path) -> None:
    for revision in (5, 6):
        store = ReplicaStore(tmp_path, 1 << 20)
        stage(store, "1")
        store.commit_snapshot(Position(1, revision), 1, synced_at=100.0)
        stage(store, "2", "3")  # never committed
        store.close()
    store = ReplicaStore(tmp_path, 1 << 20)
    assert store.meta() == Meta(1, 6, 100.0, ready=True, grants=1)
    store.close()


def test_nobody_else_may_read_the_files(store: ReplicaStore, tmp_path: Path) -> None:
    assert {file.stat().st_mode & 0o077 for file in tmp_path.glob("*.mdb")} == {0}


def test_damaged_files_are_explained(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(ReplicaUnusable, match="deleted"):
        ReplicaStore(tmp_path, 1 << 20)
    (tmp_path / "data.mdb").unlink()
    ReplicaStore(tmp_path, 1 << 20).close()
