"""Keys over HTTP, from real servers that misbehave in every way."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_svc.settings import Settings
from tests.certificates import Authority
from tests.jwks_server import TIMEOUT_S, Script, served
from waybill.errors import KeysUnavailable
from waybill.jwks_url import Fetched, HttpFetch, JwksUrl, check_url
from waybill.keys import MAX_JWKS_BYTES, Cause, KeySet, Look
from waybill.signing import SigningKey, public_jwks
from waybill.testing import FakeClock

FIRST, SECOND = SigningKey.generate(), SigningKey.generate()
FIRST_SET, SECOND_SET = public_jwks([FIRST]).encode(), public_jwks([SECOND, FIRST]).encode()


@pytest.fixture
def script() -> Script:
    return Script(body=FIRST_SET)


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with served(script) as where:
        yield where


def ids(keys: KeySet) -> set[str]:
    return {key.key_id for key in keys}


async def test_nobody_is_trusted_before_the_first_set(url: str) -> None:
    keys = JwksUrl(HttpFetch(url))
    with pytest.raises(KeysUnavailable, match="not fetched yet"):
        keys.current()
    await keys.look()
    assert ids(keys.current()) == {FIRST.key_id}
    assert keys.last_error is None


async def test_a_new_set_replaces_the_old_one(url: str, script: Script) -> None:
    looks: list[Look] = []
    keys = JwksUrl(HttpFetch(url), on_look=looks.append)
    await keys.look()
    script.body = SECOND_SET
    await keys.look()
    assert ids(keys.current()) == {FIRST.key_id, SECOND.key_id}
    assert looks == [Look(Cause.TIME, True, None)] * 2


FAULTS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "404": {"status": 404},
    "no content": {"status": 204, "body": b""},
    "not modified unasked": {"status": 304, "body": b""},
    "redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
    "garbage": {"body": b"\x80\x04 garbage"},
    "no set": {"body": b'{"keys": {}}'},
    "duplicate names": {"body": b'{"keys": [], "keys": []}'},
    "private": {"body": json.dumps({"keys": [FIRST.to_private_jwk()]}).encode()},
    "huge": {"body": b'{"keys": [], "x": "' + b"x" * MAX_JWKS_BYTES + b'"}'},
    "cut short": {"headers": {"Content-Length": "100000"}},
    "empty": {"body": b""},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_keeps_the_last_good_set(url: str, script: Script, fault: str) -> None:
    keys = JwksUrl(HttpFetch(url))
    await keys.look()
    vars(script).update(FAULTS[fault])
    await keys.look()
    assert ids(keys.current()) == {FIRST.key_id}
    assert keys.last_error
    vars(script).update(status=200, body=SECOND_SET, headers={})
    await keys.look()
    assert SECOND.key_id in ids(keys.current())


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_at_first_trusts_nobody(url: str, script: Script, fault: str) -> None:
    vars(script).update(FAULTS[fault])
    keys = JwksUrl(HttpFetch(url))
    await keys.look()
    with pytest.raises(KeysUnavailable):
        keys.current()


async def test_an_empty_set_is_believed(url: str, script: Script) -> None:
    keys = JwksUrl(HttpFetch(url))
    await keys.look()
    script.body = b'{"keys": []}'
    await keys.look()
    assert not ids(keys.current())


async def test_a_server_that_drips_is_cut_off(url: str, script: Script) -> None:
    script.slow = True
    keys = JwksUrl(HttpFetch(url, timeout_s=0.1))
    await keys.look()
    assert keys.last_error
    with pytest.raises(KeysUnavailable):
        keys.current()


async def test_a_tls_handshake_that_drips_is_cut_off() -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer, suppress(OSError):
                peer.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16,384 bytes follows
                while not done.wait(0.01):
                    peer.sendall(b"\x02")

        dripping = threading.Thread(target=drip)
        dripping.start()
        keys = JwksUrl(HttpFetch(f"https://127.0.0.1:{server.getsockname()[1]}/", timeout_s=0.1))
        await keys.look()
        done.set()
        dripping.join()
    assert keys.last_error


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        keys = JwksUrl(HttpFetch(f"http://127.0.0.1:{free.getsockname()[1]}/"))
        await keys.look()
    assert keys.last_error is not None
    assert keys.last_error.startswith("ConnectionRefusedError")


async def test_an_unchanged_set_is_not_sent_again(url: str, script: Script) -> None:
    looks: list[Look] = []
    keys = JwksUrl(HttpFetch(url), on_look=looks.append)
    script.headers = {"ETag": '"one"'}
    await keys.look()
    script.status, script.body = 304, b""
    await keys.look()
    assert "If-None-Match" not in script.asked[0]
    assert script.asked[1]["If-None-Match"] == '"one"'
    assert ids(keys.current()) == {FIRST.key_id}
    assert looks[1] == Look(Cause.TIME, False, None)


async def test_an_endless_etag_is_not_kept(url: str, script: Script) -> None:
    script.headers = {"ETag": "x" * 300}
    keys = JwksUrl(HttpFetch(url))
    await keys.look()
    await keys.look()
    assert "If-None-Match" not in script.asked[1]


@pytest.mark.parametrize(
    ("cache_control", "pause_s"),
    [
        (None, 10.0),
        ("public, max-age=3", 3.0),
        ("max-age=0", 1.0),
        ("max-age=3600", 10.0),
        ("max-age=nonsense", 10.0),
        ("s-maxage=1", 10.0),
    ],
)
async def test_a_server_may_ask_to_be_asked_more_often(
    url: str, script: Script, cache_control: str | None, pause_s: float
) -> None:
    script.headers = {"Cache-Control": cache_control} if cache_control else {}
    keys = JwksUrl(HttpFetch(url), refresh_s=10.0)
    await keys.look()
    assert keys.pause_s == pause_s


async def test_it_asks_a_server_that_fails_ever_less_often(url: str, script: Script) -> None:
    script.status = 500
    keys = JwksUrl(HttpFetch(url), refresh_s=60.0)
    pauses = []
    for _ in range(6):
        await keys.look()
        pauses.append(keys.pause_s)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    script.status = 200
    await keys.look()
    assert keys.pause_s == 60.0


class Counted:
    """A fetch without a network that waits for its turn."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _etag: str) -> Fetched:
        self.count += 1
        return Fetched(KeySet.of(FIRST.verifying_key()), "", None)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 -- what is waited for happens in a thread
            await asyncio.sleep(0.001)


async def test_missing_key_ids_bring_one_fetch_in_thirty_seconds() -> None:
    clock, fetch, looks = FakeClock(), Counted(), list[Look]()
    keys = JwksUrl(fetch, refresh_s=3600, clock=clock, on_look=looks.append)
    running = asyncio.create_task(keys.run())
    try:
        await until(lambda: len(looks) == 1)
        for expected in (2, 3):
            for number in range(100):
                keys.current(missing=f"stranger-{number}")
            await until(lambda: len(looks) == expected)  # noqa: B023 -- waited for here
            clock.advance(29.9)
            keys.current(missing="stranger")
            clock.advance(0.2)
        await asyncio.sleep(0.01)
        assert fetch.count == 3
        assert [look.cause for look in looks] == [
            Cause.TIME,
            Cause.MISSING_KEY,
            Cause.MISSING_KEY,
        ]
    finally:
        running.cancel()


async def test_a_call_never_waits_for_a_fetch(url: str, script: Script) -> None:
    keys = JwksUrl(HttpFetch(url, timeout_s=TIMEOUT_S))
    await keys.look()
    script.slow = True
    slow = asyncio.create_task(keys.look())
    await until(lambda: len(script.asked) == 2)
    assert ids(keys.current(missing="stranger")) == {FIRST.key_id}
    assert not slow.done()
    script.released.set()
    await slow


async def test_it_asks_by_itself(url: str, script: Script) -> None:
    keys = JwksUrl(HttpFetch(url), refresh_s=0.001)
    running = asyncio.create_task(keys.run())
    try:
        await until(lambda: len(script.asked) >= 3)
    finally:
        running.cancel()


def test_a_process_does_not_wait_for_a_fetch_that_hangs() -> None:
    entered, released, finished = threading.Event(), threading.Event(), threading.Event()

    def hanging(_etag: str) -> Fetched:
        entered.set()
        released.wait(TIMEOUT_S)
        finished.set()
        raise OSError("too late for anybody")

    async def service() -> None:
        running = asyncio.create_task(JwksUrl(hanging).run())
        await until(entered.is_set)
        running.cancel()

    asyncio.run(service())
    assert not finished.is_set()
    released.set()
    assert finished.wait(TIMEOUT_S)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("our CA")


def test_over_https_the_server_needs_a_certificate_of_the_file(
    script: Script, authority: Authority, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.write_bytes(authority.certificate)
    theirs.write_bytes(Authority("their CA").certificate)
    with served(script, authority.issue("localhost")) as url:
        fetched = HttpFetch(url, ca_file=ours)("")
        assert fetched.keys is not None
        assert ids(fetched.keys) == {FIRST.key_id}
        for ca_file in (theirs, None):
            with pytest.raises(ssl.SSLCertVerificationError):
                HttpFetch(url, ca_file=ca_file)("")
        with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
            HttpFetch(url.replace("localhost", "127.0.0.1"), ca_file=ours)("")
    assert len(script.asked) == 1


def test_a_file_of_authorities_that_is_none_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(OSError):  # noqa: PT011 -- also ssl's own
            HttpFetch("https://host/keys", ca_file=tmp_path / name)


def test_the_path_and_query_are_asked_for(url: str, script: Script) -> None:
    HttpFetch(f"{url}?shop=1")("")
    assert script.asked[0]["path"] == "/.well-known/jwks.json?shop=1"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/keys",
        "https://",
        "https:///keys",
        "https://user:password@host/keys",
        "https://host/keys#part",
        "https://host:0/keys",
        "https://host:99999/keys",
        "file:///etc/passwd",
    ],
)
def test_what_keys_cannot_be_fetched_from(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- whichever is first wrong with it
        check_url(url)


@given(answer=st.binary(max_size=200))
def test_no_answer_makes_trouble(answer: bytes) -> None:
    """Whatever comes over the line is a key set or an error of the documented kinds."""
    with raw_server(answer) as port:
        try:
            HttpFetch(f"http://127.0.0.1:{port}/", timeout_s=TIMEOUT_S)("")
        except (OSError, ValueError, http.client.HTTPException):
            return
    raise AssertionError("random bytes made a key set")


@contextmanager
def raw_server(answer: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def settings(**values: object) -> Settings:
    needed: dict[str, Any] = {
        "user_keys": Path("u"),
        "state_keys": Path("s"),
        "database_url": "sqlite:///x",
        "service_token_file": Path("t"),
        "replica_path": Path("r"),
    }
    return Settings(**needed | values)


@pytest.mark.parametrize("name", ["user_keys", "state_keys"])
def test_the_settings_tell_urls_from_paths(name: str) -> None:
    def place(text: object) -> object:
        return getattr(settings(**{name: text}), name)

    assert place("/var/keys.json") == Path("/var/keys.json")
    assert place(Path("keys.json")) == Path("keys.json")
    assert place("https://products/jwks.json") == "https://products/jwks.json"
    with pytest.raises(ValueError, match="no user, password"):
        place("https://a:b@products/jwks.json")


@pytest.mark.parametrize("name", ["user_keys", "state_keys"])
def test_a_file_of_authorities_needs_https(name: str) -> None:
    ca_file = {f"{name}_ca_file": "ca.pem"}
    given = settings(**{name: "https://idp/keys"}, **ca_file)
    assert getattr(given, f"{name}_ca_file") == Path("ca.pem")
    for place in ("http://idp/keys", "keys.json"):
        with pytest.raises(ValueError, match="needs them at a URL of https"):
            settings(**{name: place}, **ca_file)
