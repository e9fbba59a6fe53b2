"""The store of references: the real one on a real server, and the fake that stands in for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import valkey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.valkey import ValkeyServer
from waybill.errors import ReferenceStoreUnavailable, StateSuperseded, WaybillError
from waybill.references.handle import name_of, new_handle
from waybill.references.store import Filed, ReferenceStore
from waybill.references.testing import MemoryReferenceStore
from waybill.references.valkey_store import ValkeyReferenceStore
from waybill.testing import FakeClock

pytestmark = pytest.mark.engines

TTL_S = 300
MEGABYTE = 1024 * 1024


def filed(
    name: str, subject: str = "ada", revision: int = 7, *, ttl_s: int = TTL_S, size: int = 3
) -> Filed:
    return Filed(name.encode(), subject, revision, ttl_s, name.encode().ljust(size, b"."))


def real(url: str, *, most: int = 256, timeout_s: float = 2.0) -> ValkeyReferenceStore:
    return ValkeyReferenceStore(
        url, prefix=f"{{{uuid4()}}}:", timeout_s=timeout_s, max_per_subject=most
    )


@pytest.fixture(params=["memory", "valkey", "cluster"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ReferenceStore]:
    """Each store, in which a subject may have three records."""
    makers: dict[str, Callable[[], ReferenceStore]] = {
        "memory": lambda: MemoryReferenceStore(FakeClock(), max_per_subject=3),
        "valkey": lambda: real(request.getfixturevalue("valkey_url"), most=3),
        "cluster": lambda: real(request.getfixturevalue("valkey_cluster").url, most=3),
    }
    made = makers[request.param]()
    yield made
    await made.close()


async def test_what_is_filed_can_be_got(store: ReferenceStore) -> None:
    await store.put(filed("one"))
    await store.put(filed("two"))
    assert await store.get([b"two", b"none", b"one"]) == [b"two", None, b"one"]
    assert await store.check() is None


async def test_a_revocation_takes_the_subjects_records_and_no_others(
    store: ReferenceStore,
) -> None:
    for each in (filed("one"), filed("two"), filed("eves", "eve")):
        await store.put(each)
    await store.revoke("ada", 8)
    assert await store.get([b"one", b"two", b"eves"]) == [None, None, b"eves"]


async def test_a_record_from_before_a_revocation_comes_too_late(store: ReferenceStore) -> None:
    await store.revoke("ada", 8)
    with pytest.raises(StateSuperseded):
        await store.put(filed("late", revision=7))
    await store.put(filed("fresh", revision=8))
    await store.put(filed("eves", "eve", revision=1))
    assert await store.get([b"late", b"fresh", b"eves"]) == [None, b"fresh", b"eves"]


async def test_revocations_only_ever_rise(store: ReferenceStore) -> None:
    await store.revoke("ada", 8)
    await store.revoke("ada", 5)
    with pytest.raises(StateSuperseded):
        await store.put(filed("late", revision=7))


async def test_a_subject_has_so_many_records_and_the_oldest_go(store: ReferenceStore) -> None:
    for name in ("one", "two", "three", "four"):
        await store.put(filed(name))
    await store.put(filed("eves", "eve"))
    assert await store.get([b"one", b"two", b"four", b"eves"]) == [None, b"two", b"four", b"eves"]


NAMES, SUBJECTS, REVISIONS = st.sampled_from("abcdef"), st.sampled_from("xy"), st.integers(0, 4)
PUTS = st.tuples(NAMES, SUBJECTS, REVISIONS)
REVOKES = st.tuples(st.none(), SUBJECTS, REVISIONS)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PUTS | REVOKES, max_size=20))
def test_the_fake_does_what_the_real_store_does(
    valkey_url: str, steps: list[tuple[str | None, str, int]]
) -> None:
    """Whatever is filed and revoked in which order: the same answers, the same records left.

    A name belongs to one subject, as names of chance do.
    """

    async def outcome(store: ReferenceStore, name: str | None, subject: str, revision: int) -> str:
        try:
            if name is None:
                await store.revoke(subject, revision)
            else:
                await store.put(filed(f"{subject}{name}", subject, revision))
        except WaybillError as refusal:
            return refusal.reason
        return "done"

    async def run() -> None:
        fake = MemoryReferenceStore(FakeClock())
        async with AsyncExitStack() as stack:
            store = real(valkey_url)
            stack.push_async_callback(store.close)
            for step in steps:
                assert await outcome(store, *step) == await outcome(fake, *step)
            names = [f"{subject}{name}".encode() for subject in "xy" for name in "abcdef"]
            assert await store.get(names) == await fake.get(names)

    asyncio.run(run())


@pytest.fixture
def server(tmp_path: Path) -> Callable[..., ValkeyServer]:
    def make(memory_bytes: int = 64 * MEGABYTE, port: int | None = None) -> ValkeyServer:
        return ValkeyServer(tmp_path, memory_bytes=memory_bytes, port=port)

    return make


async def test_a_server_that_goes_and_comes_back(server: Callable[..., ValkeyServer]) -> None:
    """Gone: cannot know. Back, without a disk: knows nothing, and takes what is new."""
    with server() as first:
        store = ValkeyReferenceStore(first.url)
        await store.put(filed("one"))
        port = first.port
    with pytest.raises(ReferenceStoreUnavailable):
        await store.get([b"one"])
    with pytest.raises(ReferenceStoreUnavailable):
        await store.put(filed("two"))
    with pytest.raises(ReferenceStoreUnavailable):
        await store.revoke("ada", 8)
    assert await store.check() is not None
    with server(port=port):
        assert await store.get([b"one"]) == [None]
        await store.put(filed("two"))
        assert await store.get([b"two"]) == [b"two"]
        assert await store.check() is None
        await store.close()


async def test_connections_that_died_while_nobody_looked(
    server: Callable[..., ValkeyServer],
) -> None:
    with server() as first:
        store = ValkeyReferenceStore(first.url)
        await asyncio.gather(*(store.put(filed(f"{number}")) for number in range(20)))
        port = first.port
    with server(port=port):
        answers = await asyncio.gather(*(store.get([b"one"]) for _ in range(20)))
        assert answers == [[None]] * 20
        await store.close()


async def test_a_server_that_was_emptied(server: Callable[..., ValkeyServer]) -> None:
    with server() as running:
        store = ValkeyReferenceStore(running.url)
        await store.put(filed("one"))
        with valkey.Valkey.from_url(running.url) as client:
            client.flushall()
            client.script_flush()
        assert await store.get([b"one"]) == [None]
        await store.put(filed("two"))
        assert await store.get([b"two"]) == [b"two"]
        await store.close()


async def test_a_full_server_takes_nothing_more_and_still_answers_and_revokes(
    server: Callable[..., ValkeyServer],
) -> None:
    """It forgets nothing on its own: a revocation forgotten would be a grant."""
    with server(memory_bytes=4 * MEGABYTE) as running:
        store = ValkeyReferenceStore(running.url)
        names = await _fill(store)
        assert len(names) > 2
        assert await store.get(names[:1]) != [None]
        await store.revoke("ada", 8)
        assert await store.get(names) == [None] * len(names)
        with pytest.raises(StateSuperseded):
            await store.put(filed("late", revision=7))
        await store.put(filed("fresh", revision=8))
        await store.close()


async def _fill(store: ReferenceStore) -> list[bytes]:
    names: list[bytes] = []
    try:
        for number in range(100):
            await store.put(filed(f"large {number}", size=MEGABYTE // 4))
            names.append(f"large {number}".encode())
    except ReferenceStoreUnavailable:
        return names
    raise AssertionError("it took more than it has room for")


async def test_a_server_that_hangs_is_waited_for_only_so_long() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        store = ValkeyReferenceStore(f"valkey://127.0.0.1:{port}/0", timeout_s=0.05)
        with pytest.raises(ReferenceStoreUnavailable, match="TimeoutError"):
            await store.get([b"one"])
        await store.close()


async def test_every_key_has_an_end_and_an_index_outlives_its_records(valkey_url: str) -> None:
    prefix = f"{uuid4()}:"
    store = ValkeyReferenceStore(valkey_url, prefix=prefix)
    await store.revoke("ada", 1)
    await store.put(filed("long", ttl_s=900))
    await store.put(filed("short", ttl_s=60))
    with valkey.Valkey.from_url(valkey_url) as client:
        left_s = {
            key.removeprefix(prefix.encode())[:8]: client.ttl(key) for key in _keys(client, prefix)
        }
    assert set(left_s) == {b"record:l", b"record:s", b"subject:", b"revoked:"}
    assert 0 < left_s[b"record:s"] <= 60
    assert 60 < left_s[b"record:l"] <= left_s[b"subject:"] <= 900
    assert left_s[b"revoked:"] > 900
    await store.close()


def _keys(client: "valkey.Valkey", prefix: str) -> list[bytes]:
    return list(client.scan_iter(match=f"{prefix}*"))


async def test_the_store_holds_neither_handles_nor_subjects(valkey_url: str) -> None:
    prefix, handle = f"{uuid4()}:", new_handle()
    store = ValkeyReferenceStore(valkey_url, prefix=prefix)
    await store.put(Filed(name_of(handle, "orders"), "ada-lovelace", 7, TTL_S, b"state"))
    with valkey.Valkey.from_url(valkey_url) as client:
        keys = b" ".join(_keys(client, prefix))
    assert handle.encode() not in keys
    assert b"ada-lovelace" not in keys
    await store.close()


async def test_a_login_that_can_read_but_not_mint(server: Callable[..., ValkeyServer]) -> None:
    """The one that docs/strategies/reference.md gives to the orders service."""
    with server() as running:
        with valkey.Valkey.from_url(running.url) as client:
            client.execute_command(
                *["ACL", "SETUSER", "orders", "on", ">hush", "~waybill:record:*", "+mget"]
            )
        issuer = ValkeyReferenceStore(running.url)
        reader = ValkeyReferenceStore(running.url.replace("//", "//orders:hush@"))
        await issuer.put(filed("one"))
        assert await reader.get([b"one"]) == [b"one"]
        assert await reader.check() is None
        for attempt in (reader.put(filed("forged")), reader.revoke("ada", 9)):
            with pytest.raises(ReferenceStoreUnavailable):
                await attempt
        assert await issuer.get([b"one", b"forged"]) == [b"one", None]
        await issuer.close()
        await reader.close()


async def test_what_went_wrong_is_said_without_the_password() -> None:
    store = ValkeyReferenceStore("valkey://orders:hush@127.0.0.1:1/0")
    with pytest.raises(ReferenceStoreUnavailable) as refusal:
        await store.get([b"one"])
    assert "hush" not in str(refusal.value)
    await store.close()


def test_the_keys_of_a_cluster_belong_together() -> None:
    with pytest.raises(ValueError, match="braces"):
        ValkeyReferenceStore("valkey+cluster://127.0.0.1:6379", prefix="waybill:")


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "127.0.0.1:6379", ""])
def test_a_url_of_something_else(url: str) -> None:
    with pytest.raises(ValueError, match="scheme"):
        ValkeyReferenceStore(url)
