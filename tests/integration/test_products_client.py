"""The client of products against a real server with a script."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from orders_svc.access import Grant
from orders_svc.products_client import ProductsClient, TlsFiles, TokenFile, open_channel
from orders_svc.strategies.direct_call import UpstreamTimedOut
from shop.products.v1.products_pb2 import (
    CheckAccessRequest,
    CheckAccessResponse,
    WatchAccessRequest,
)
from shop.products.v1.products_pb2 import Grant as WireGrant
from tests.certificates import Authority
from tests.feed_kit import heartbeat
from tests.products_kit import Lab
from tests.scripted_products import Script, scripted, serving
from waybill.errors import HistoryCompacted, NotGranted, UpstreamUnavailable


@pytest.fixture
async def script() -> Script:
    return scripted()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


@pytest.fixture
async def client(script: Script, token_file: Path) -> AsyncIterator[ProductsClient]:
    async with serving(script) as port:
        client = ProductsClient(open_channel(f"127.0.0.1:{port}"), TokenFile(token_file))
        yield client
        await client.close()


def answer(*product_ids: str, revision: int = 7) -> CheckAccessResponse:
    grants = [
        WireGrant(product_id=each, max_quantity=2, unit_price_micros=5) for each in product_ids
    ]
    return CheckAccessResponse(grants=grants, revision=revision)


async def test_asks_for_a_subjects_products(script: Script, client: ProductsClient) -> None:
    script.answers = [answer("1", "not asked for")]
    found = await client.check_access("ada", ["1", "2"], timeout_s=5)
    assert found.grants == {"1": Grant("1", 2, 5, 7)}
    assert found.revision == 7
    assert script.asked == [CheckAccessRequest(subject="ada", product_ids=["1", "2"])]


async def test_no_proxy_variable_is_followed(
    script: Script, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.answers = [answer()]
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:{1}".format(*proxy.getsockname()))
        async with serving(script) as port:
            client = ProductsClient(open_channel(f"127.0.0.1:{port}"), TokenFile(token_file))
            await client.check_access("ada", ["1"], timeout_s=2)
            await client.close()


def replace_token(path: Path, content: str | None) -> None:
    path.unlink()
    if content is not None:
        path.write_text(content)


async def test_shows_the_token_as_the_file_has_it(
    script: Script, client: ProductsClient, token_file: Path
) -> None:
    script.answers = [answer()] * 4
    await client.check_access("ada", ["1"], timeout_s=5)
    replace_token(token_file, "second")
    await client.check_access("ada", ["1"], timeout_s=5)
    replace_token(token_file, "")
    await client.check_access("ada", ["1"], timeout_s=5)
    replace_token(token_file, None)
    await client.check_access("ada", ["1"], timeout_s=5)
    assert script.tokens == ["Bearer first", "Bearer second", "Bearer second", "Bearer second"]


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
async def test_without_a_token_nothing_can_be_known(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    client = ProductsClient(open_channel("127.0.0.1:1"), TokenFile(path))
    with pytest.raises(UpstreamUnavailable, match="token"):
        await client.check_access("ada", ["1"], timeout_s=5)
    await client.close()


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.CANCELLED,
    ],
)
async def test_what_products_refuses_us_is_no_denial_of_the_caller(
    script: Script, client: ProductsClient, code: grpc.StatusCode
) -> None:
    script.answers = [code]
    with pytest.raises(UpstreamUnavailable, match=f"answered {code.name}$"):
        await client.check_access("ada", ["1"], timeout_s=5)
    assert len(script.asked) == 1


async def test_asks_again_a_few_times_after_unavailable(
    script: Script, client: ProductsClient
) -> None:
    down = grpc.StatusCode.UNAVAILABLE
    script.answers = [down, down, answer("1")]
    assert (await client.check_access("ada", ["1"], timeout_s=5)).grants
    script.answers = [down] * 10
    with pytest.raises(UpstreamUnavailable):
        await client.check_access("ada", ["1"], timeout_s=5)
    assert len(script.asked) == 3 + 3


async def test_retries_cease_in_an_outage(script: Script, client: ProductsClient) -> None:
    script.answers = [grpc.StatusCode.UNAVAILABLE] * 100
    for _ in range(20):
        with pytest.raises(UpstreamUnavailable):
            await client.check_access("ada", ["1"], timeout_s=5)
    assert len(script.asked) < 30


async def test_a_timeout_is_told_apart(script: Script, client: ProductsClient) -> None:
    with pytest.raises(UpstreamTimedOut):
        await client.check_access("ada", ["1"], timeout_s=0.05)
    await asyncio.wait_for(script.cancelled.wait(), 5)


async def test_nobody_there(token_file: Path) -> None:
    client = ProductsClient(open_channel("127.0.0.1:1"), TokenFile(token_file))
    with pytest.raises(UpstreamUnavailable):
        await client.check_access("ada", ["1"], timeout_s=5)
    with pytest.raises(UpstreamUnavailable):
        await anext(client.watch(0, 0))
    await client.close()


async def test_watches(script: Script, client: ProductsClient) -> None:
    said = [heartbeat(1, 5), heartbeat(1, 6)]
    script.streams = [said]
    events = client.watch(1, 4)
    assert [await anext(events), await anext(events)] == said
    await events.aclose()
    await asyncio.wait_for(script.cancelled.wait(), 5)
    assert script.asked == [WatchAccessRequest(epoch=1, resume_revision=4)]
    assert script.tokens == ["Bearer first"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, HistoryCompacted),
        (grpc.StatusCode.UNAVAILABLE, UpstreamUnavailable),
        (grpc.StatusCode.PERMISSION_DENIED, UpstreamUnavailable),
    ],
)
async def test_how_a_watch_ends(
    script: Script, client: ProductsClient, code: grpc.StatusCode, error: type[Exception]
) -> None:
    script.streams = [[heartbeat(1, 5), code]]
    events = client.watch(1, 4)
    await anext(events)
    with pytest.raises(error):
        await anext(events)
    assert len(script.asked) == 1


async def test_a_cancelled_question_is_taken_back(script: Script, client: ProductsClient) -> None:
    asking = asyncio.create_task(client.check_access("ada", ["1"], timeout_s=60))
    await script.stuck.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(script.cancelled.wait(), 5)


def tls_files(folder: Path, trusted: Authority, issuer: Authority) -> TlsFiles:
    folder.mkdir()
    orders = issuer.issue("orders")
    (folder / "ca.pem").write_bytes(trusted.certificate)
    (folder / "cert.pem").write_bytes(orders.certificate)
    (folder / "key.pem").write_bytes(orders.key)
    return TlsFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


async def test_mutual_tls(script: Script, token_file: Path, tmp_path: Path) -> None:
    ours, others = Authority("ours"), Authority("others")
    products = ours.issue("localhost")
    credentials = grpc.ssl_server_credentials(
        [(products.key, products.certificate)], ours.certificate, require_client_auth=True
    )
    files = {
        "right": tls_files(tmp_path / "right", ours, ours),
        "wrong server": tls_files(tmp_path / "wrong server", others, ours),
        "wrong client": tls_files(tmp_path / "wrong client", ours, others),
    }
    script.answers = [answer("1")] * 3
    outcomes = {}
    async with serving(script, credentials) as port:
        for name, tls in files.items():
            client = ProductsClient(open_channel(f"localhost:{port}", tls), TokenFile(token_file))
            try:
                outcomes[name] = len((await client.check_access("ada", ["1"], timeout_s=5)).grants)
            except UpstreamUnavailable:
                outcomes[name] = -1
            await client.close()
    assert outcomes == {"right": 1, "wrong server": -1, "wrong client": -1}


@pytest.fixture
def lab(tmp_path: Path, token_file: Path) -> Lab:
    """A products service's, which believes the token in the file."""
    lab = Lab(tmp_path)
    token_file.write_text(str(lab.credential("orders", "service")[1]).removeprefix("Bearer "))
    return lab


async def test_a_caller_whom_products_cannot_name_is_not_granted_anything(
    lab: Lab, token_file: Path
) -> None:
    async with lab.service() as service:
        client = ProductsClient(open_channel(f"127.0.0.1:{service.port}"), TokenFile(token_file))
        with pytest.raises(NotGranted):
            await client.check_access("no such name!", ["1"], timeout_s=5)
        with pytest.raises(UpstreamUnavailable):
            await client.check_access("ada", ["no such id!"], timeout_s=5)
        await client.close()
