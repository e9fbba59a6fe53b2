"""NATS over TLS with the logins of deploy/: what each may do, and what is said of what fails."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing

import pytest
from nats.js import api

from loadtest.nats import NatsServer
from mesh.launcher import free_port
from orders_svc.feed.jetstream import JetStreamFeed
from orders_svc.feed.jetstream_log import JetStreamChanges
from orders_svc.feed.recent import LoggedChanges
from products_svc.feed.jetstream import JetStreamLog
from products_svc.feed.publisher import Published
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.deployed import SECRET, nats_users
from tests.feed_kit import changes, changes_start, granted, heartbeat, revoked
from tests.tls_kit import Trusted
from waybill.jetstream import JetStreamUnavailable, connected, translated
from waybill.nats_address import check, parse

pytestmark = pytest.mark.engines

STREAM = "waybill-access"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    return Trusted(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trusted: Trusted) -> Iterator[NatsServer]:
    tls = f'tls {{ cert_file: "{trusted.certificate}", key_file: "{trusted.key}" }}\n'
    with NatsServer(tmp_path_factory.mktemp("nats"), more=tls + nats_users()) as running:
        yield running


@pytest.fixture
def orders_url(server: NatsServer, trusted: Trusted) -> str:
    return f"tls://orders:hush-orders@localhost:{server.port}?ca_file={trusted.ca}"


@pytest.fixture
def products_url(orders_url: str) -> str:
    return orders_url.replace("orders:hush-orders", "products:hush-products")


class NoSnapshots:
    """Products with nothing to say: a snapshot that is asked for fails."""

    events: tuple[WatchAccessResponse, ...] = ()

    async def watch(
        self, epoch: int, resume_revision: int
    ) -> AsyncGenerator[WatchAccessResponse, None]:
        del epoch, resume_revision
        for event in self.events:
            yield event


async def followed(url: str, revision: int, count: int) -> list[WatchAccessResponse]:
    """The first events that a copy at `revision` gets."""
    events = JetStreamFeed(url, STREAM, "orders-copy", NoSnapshots()).watch(1, revision)
    async with aclosing(events):
        return [await anext(events) for _ in range(count)]


async def test_products_publishes_and_orders_follows(products_url: str, orders_url: str) -> None:
    first, second = changes(1, 0, granted(1, "ada", "1")), changes(1, 1, granted(2, "ada", "2"))
    async with JetStreamLog(products_url, STREAM, 100).opened() as log:
        for message in (first, second, heartbeat(1, 2)):
            await log.append(message)
        assert await log.newest() == Published(1, 2)
    assert await followed(orders_url, 1, 3) == [first, second, heartbeat(1, 2)]
    assert await followed(orders_url, 2, 1) == [heartbeat(1, 2)]  # the consumer has its place


async def test_a_process_of_orders_learns_of_revocations(
    products_url: str, orders_url: str
) -> None:
    async with JetStreamLog(products_url, STREAM, 100).opened() as log:
        await log.append(changes(2, 0, revoked(1, "ada", "1")))
        await log.append(heartbeat(2, 1, began_at=0.0))
    recent = LoggedChanges(JetStreamChanges(orders_url, STREAM).opened, 60.0, time.time)
    async with aclosing(recent.watch(0, 0)) as events:
        assert await anext(events) == changes_start(2, 0, 1)
        assert await anext(events) == changes(2, 0, revoked(1, "ada", "1"))


FORBIDDEN_TO_ORDERS = {
    "publish a grant": f"{STREAM}.changes",
    "publish a heartbeat": f"{STREAM}.heartbeats",
    "delete the stream": f"$JS.API.STREAM.DELETE.{STREAM}",
    "empty the stream": f"$JS.API.STREAM.PURGE.{STREAM}",
    "change the stream": f"$JS.API.STREAM.UPDATE.{STREAM}",
    "make another": "$JS.API.STREAM.CREATE.another",
}


async def requested(url: str, subject: str) -> None:
    async with connected(url, "orders") as client:
        with translated():
            await client.request(subject, b"{}", timeout=0.1)


@pytest.mark.parametrize("deed", FORBIDDEN_TO_ORDERS)
async def test_what_orders_may_not_do(products_url: str, orders_url: str, deed: str) -> None:
    async with JetStreamLog(products_url, STREAM, 100).opened() as log:
        before = await log.newest()
        with pytest.raises(JetStreamUnavailable, match=r"engines\.md"):
            await requested(orders_url, FORBIDDEN_TO_ORDERS[deed])
        assert await log.newest() == before


@pytest.mark.parametrize("into", [f"{STREAM}.changes", f"{STREAM}.heartbeats"])
async def test_no_consumer_of_orders_delivers_into_the_stream(
    products_url: str, orders_url: str, into: str
) -> None:
    async with JetStreamLog(products_url, STREAM, 100).opened() as log:
        await log.append(heartbeat(1, 2))
        before = await log.newest()
        async with connected(orders_url, "orders") as client:
            configuration = api.ConsumerConfig(durable_name="sly", deliver_subject=into)
            with pytest.raises(JetStreamUnavailable), translated():
                await client.jetstream().add_consumer(STREAM, configuration)
        assert await log.newest() == before


REFUSED = {
    "another authority": ("nobody who is trusted", {"ca.pem": "other-ca.pem"}),
    "another name": ("for another name", {"localhost": "127.0.0.1"}),
    "a wrong password": ("refuses the login", {"hush-orders": "hush-hush"}),
    "no such user": ("refuses the login", {"orders:": "nobody:"}),
    "no login": ("refuses the login", {"orders:hush-orders@": ""}),
    "a token": ("refuses the login", {"orders:hush-orders@": "hush@"}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_wrong_is_said_without_a_secret(orders_url: str, case: str) -> None:
    text, replaced = REFUSED[case]
    url = orders_url
    for old, new in replaced.items():
        url = url.replace(old, new)
    with pytest.raises(JetStreamUnavailable, match=text) as refusal:
        async with connected(url, "orders"):
            pass
    assert SECRET not in str(refusal.value) + repr(parse(url))


@pytest.fixture
async def heard() -> AsyncIterator[tuple[int, bytearray]]:
    """A server that says it has no TLS, as one in between would; what it is told."""
    told = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576}\r\n')
        while data := await reader.read(1 << 16):
            told.extend(data)
            writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1], told


@pytest.mark.parametrize("login", ["orders:hush-orders@", "hush@", ""])
async def test_nothing_is_said_to_a_server_without_tls(
    heard: tuple[int, bytearray], login: str
) -> None:
    port, told = heard
    with pytest.raises(JetStreamUnavailable, match="does not speak TLS"):
        async with connected(f"tls://{login}localhost:{port}", "orders"):
            raise AssertionError("connected")
    assert SECRET.encode() not in told


NKEY, SEED = "U" + 55 * "A", "SU" + 56 * "A"


async def test_any_of_several_servers_will_do(orders_url: str) -> None:
    """Whichever is tried first."""
    several = orders_url.replace("@", f"@localhost:{free_port()},")
    for _ in range(5):
        async with connected(several, "orders") as client:
            assert client.is_connected


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("tls://ada:hu/sh@localhost", "percent-encode"),
        ("nats://ada:hush@localhost:99999", "percent-encode"),
        ("nats://ada:hush@one,,two", "percent-encode"),
        ("tls://ada:hush@localhost?ca=/hush.pem", "parameters are ca_file"),
        ("nats://ada:hush@localhost?ca_file=/x.pem", "need tls"),
        ("tls://ada:hush@localhost?ca_file=/no/such/file", "No such file"),
        ("tls://localhost?creds=/hush.creds", "not supported"),
        (f"nats://{SEED}@localhost", "not supported"),
        (f"nats://{NKEY}:{SEED}@localhost", "not supported"),
    ],
)
def test_a_url_that_will_not_do_is_refused_at_the_start(url: str, text: str) -> None:
    with pytest.raises(ValueError, match=text) as refusal:
        check(url)
    assert SECRET not in str(refusal.value)
    assert SEED not in str(refusal.value)
