"""Valkey over TLS with the logins of deploy/: what each may do, and what is said of what fails."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import pytest
import valkey

from loadtest.valkey import ValkeyServer
from orders_svc.feed.follower import SinkUnavailable
from orders_svc.feed.steps import Position
from orders_svc.replica.status import Trust
from orders_svc.replica.valkey.reader import ValkeyReader
from orders_svc.replica.valkey.server import CopyServer
from orders_svc.replica.valkey.writer import ValkeyWriter
from shop.products.v1.products_pb2 import Grant
from tests.deployed import SECRET, valkey_users
from tests.feed_kit import granted
from tests.tls_kit import Trusted
from waybill.errors import ReferenceStoreUnavailable, ReplicaNotReady
from waybill.references.store import Filed
from waybill.references.valkey_store import ValkeyReferenceStore
from waybill.testing import FakeClock
from waybill.valkey_access.address import check, parse

pytestmark = pytest.mark.engines

COPY = "waybill:replica"
TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    return Trusted(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey"), more=valkey_users()) as running:
        yield running


@pytest.fixture
def raw(server: ValkeyServer) -> Iterator[Any]:
    with valkey.Valkey.from_url(server.url) as client:
        client.flushall()
        client.execute_command("ACL", "SETUSER", "default", "off")  # who is in stays in
        yield client
        client.execute_command("ACL", "SETUSER", "default", "on")


class Ports(NamedTuple):
    tls: int
    plain: int


@pytest.fixture
async def ports(trusted: Trusted, server: ValkeyServer, raw: Any) -> AsyncIterator[Ports]:
    async with trusted.in_front_of(server.port) as tls:
        yield Ports(tls, server.port)


@pytest.fixture
def orders_url(ports: Ports, trusted: Trusted) -> str:
    return f"valkeys://orders:hush-orders@localhost:{ports.tls}?ssl_ca_certs={trusted.ca}"


@pytest.fixture
def products_url(orders_url: str) -> str:
    return orders_url.replace("orders:hush-orders", "products:hush-products")


async def test_orders_keeps_its_copy_with_the_rights_that_it_has(orders_url: str, raw: Any) -> None:
    clock = FakeClock()
    writer = ValkeyWriter(CopyServer(orders_url, COPY, TIMEOUT_S, again=False))
    reader = ValkeyReader(CopyServer(orders_url, COPY, TIMEOUT_S, again=True), Trust(clock=clock))
    await writer.acquire()
    for revision in (5, 6):  # one for each slot, from none to one and from one to the other
        await writer.begin_snapshot()
        await writer.stage(revision, "ada", [Grant(product_id="1")])
        await writer.commit_snapshot(Position(1, revision), 1, clock())
    await writer.mark_incomplete()
    await writer.apply(Position(1, 7), [granted(7, "ada", "2")])
    await writer.mark_complete(clock())
    assert set(await reader.grants("ada", ["1", "2", "3"])) == {"1", "2"}
    raw.delete(f"{{{COPY}}}:b")
    await writer.begin_snapshot()  # of a copy whose grants are gone
    await writer.discard_snapshot()
    await writer.close()
    await reader.close()


async def test_products_mints_and_orders_only_reads(orders_url: str, products_url: str) -> None:
    issuer = ValkeyReferenceStore(products_url, timeout_s=TIMEOUT_S, max_per_subject=2)
    reader = ValkeyReferenceStore(orders_url, timeout_s=TIMEOUT_S)
    for name in (b"one", b"two", b"three"):
        await issuer.put(Filed(name, "ada", 7, 300, b"state"))
    assert await reader.get([b"one", b"three"]) == [None, b"state"]
    assert await reader.check() is None
    for attempt in (reader.put(Filed(b"x", "ada", 7, 300, b"forged")), reader.revoke("ada", 9)):
        with pytest.raises(ReferenceStoreUnavailable, match="may not do this"):
            await attempt
    await issuer.revoke("ada", 8)
    assert await reader.get([b"three", b"x"]) == [None, None]
    await issuer.close()
    await reader.close()


async def test_products_cannot_write_the_copy(products_url: str) -> None:
    writer = ValkeyWriter(CopyServer(products_url, COPY, TIMEOUT_S, again=False))
    with pytest.raises(SinkUnavailable, match="may not do this"):
        await writer.acquire()
    await writer.close()


REFUSED = {
    "another authority": ("nobody who is trusted", {"ca.pem": "other-ca.pem"}),
    "another name": ("for another name", {"localhost": "127.0.0.1"}),
    "a wrong password": ("refuses the login", {"hush-orders": "hush-hush"}),
    "no such user": ("refuses the login", {"orders:": "nobody:"}),
    "no login": ("refuses the login", {"orders:hush-orders@": ""}),
    "TLS where there is none": ("both sides speak TLS", {"tls port": "plain port"}),
    "none where there is TLS": (
        "both sides speak TLS",
        {"valkeys": "valkey", "?ssl_ca_certs=ca.pem": ""},
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_wrong_is_said_without_a_secret(
    orders_url: str, ports: Ports, trusted: Trusted, case: str
) -> None:
    text, changes = REFUSED[case]
    words = {"tls port": str(ports.tls), "plain port": str(ports.plain)}
    words["?ssl_ca_certs=ca.pem"] = f"?ssl_ca_certs={trusted.ca}"
    url = orders_url
    for old, new in changes.items():
        url = url.replace(words.get(old, old), words.get(new, new))
    timeout_s = 0.1 if "plain port" in changes.values() else TIMEOUT_S  # it waits for a greeting
    reader = ValkeyReader(CopyServer(url, COPY, timeout_s, again=True))
    problem = str(await reader.check())
    assert text in problem
    with pytest.raises(ReplicaNotReady) as refusal:
        await reader.grants("ada", ["1"])
    assert SECRET not in problem + str(refusal.value) + repr(parse(url))
    await reader.close()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("valkey://ada:hu/sh@localhost:1", "percent-encode"),
        ("valkeys://:hush@localhost?ssl_cert_reqs=none", "who answers"),
        ("valkeys://:hush@localhost?ssl_ca_cert=/hush.pem", "parameter"),
        ("valkeys://:hush@localhost?ssl_ca_certs=/no/such/file", "No such file"),
        ("valkey+cluster://:hush@a:1,b:2/1", "database 0"),
        ("valkey+cluster://", "cluster, such as"),
    ],
)
def test_a_url_that_will_not_do_is_refused_at_the_start(url: str, text: str) -> None:
    with pytest.raises(ValueError, match=text) as refusal:
        check(url)
    assert SECRET not in str(refusal.value)
