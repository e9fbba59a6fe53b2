"""Both services with users' keys from an identity provider: what becomes of calls as it changes."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from orders_svc import bootstrap as orders
from orders_svc.settings import Settings as OrdersSettings
from products_svc import bootstrap as products
from shop.orders.v1.orders_pb2 import ListOrdersRequest
from shop.orders.v1.orders_pb2_grpc import OrdersServiceStub
from shop.products.v1.products_pb2 import ListProductsRequest
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from tests.certificates import Authority
from tests.jwks_server import Script, served
from tests.orders_kit import Issuers
from tests.products_kit import Lab
from waybill import jwks_url
from waybill.keys import MAX_JWKS_BYTES
from waybill.metadata import AUTHORIZATION
from waybill.serving.health import Check
from waybill.serving.server import running
from waybill.signing import SigningKey, public_jwks, sign_jwt
from waybill.status import error_from

OLD, NEW = SigningKey.generate(), SigningKey.generate()
SELDOM_S, OFTEN_S = 1000.0, 0.01
UNKNOWN_KEYS = "UNAVAILABLE KEYS_UNAVAILABLE"
UNTRUSTED = "UNAUTHENTICATED CREDENTIAL_INVALID"

Ask = Callable[[SigningKey], Awaitable[str]]
"""A call by a user whose token this key has signed; its outcome."""
Running = tuple[Ask, Check]


def credential(key: SigningKey) -> tuple[str, str]:
    now = int(time.time())
    claims = {"iss": "waybill-dev", "aud": "shop", "sub": "ada", "iat": now, "exp": now + 600}
    return AUTHORIZATION, f"Bearer {sign_jwt(claims, key, typ='at+jwt')}"


@asynccontextmanager
async def products_service(folder: Path, **keys: object) -> AsyncIterator[Running]:
    lab = Lab(folder)
    lab.fill(["tea"])
    settings = lab.settings(**keys)
    built = products.build(settings)
    request = ListProductsRequest()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(built.close)
        port = await stack.enter_async_context(running(settings, built.services, []))
        channel = await stack.enter_async_context(aio.insecure_channel(f"127.0.0.1:{port}"))
        ask = asking(ProductsServiceStub(channel).ListProducts, request)
        yield ask, built.checks["user keys"]


@asynccontextmanager
async def orders_service(folder: Path, **keys: object) -> AsyncIterator[Running]:
    settings = OrdersSettings(**Issuers(folder).settings(log_level="error", **keys))
    built = orders.build(settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(built.close)
        port = await stack.enter_async_context(running(settings, built.services, []))
        channel = await stack.enter_async_context(aio.insecure_channel(f"127.0.0.1:{port}"))
        ask = asking(OrdersServiceStub(channel).ListOrders, ListOrdersRequest())
        yield ask, built.checks["user keys"]


def asking(method: Any, request: object) -> Ask:
    async def ask(key: SigningKey) -> str:
        try:
            await method(request, metadata=[credential(key)], timeout=30)
        except grpc.RpcError as error:
            refusal = error_from(error)
            return f"{refusal.code.name} {refusal.reason}"
        return "OK"

    return ask


async def until(ask: Ask, key: SigningKey, outcome: str) -> None:
    """Ask until that is the outcome; the test's own time bounds it."""
    while await ask(key) != outcome:
        pass


def publish(*keys: SigningKey) -> bytes:
    return public_jwks(keys).encode()


@pytest.fixture
def script() -> Script:
    return Script(body=publish(OLD))


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with served(script) as where:
        yield where


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks_url, "LONGEST_RETRY_S", 0.001)


@pytest.fixture(params=[products_service, orders_service])
def service(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_before_the_first_set_nothing_can_be_known(
    service: Any, script: Script, url: str, tmp_path: Path
) -> None:
    script.status = 503
    async with service(tmp_path, user_keys=url, user_keys_refresh_s=OFTEN_S) as (ask, check):
        assert await ask(OLD) == UNKNOWN_KEYS
        assert await check() is not None
        script.status = 200
        await until(ask, OLD, "OK")
        assert await check() is None


async def test_a_new_key_is_looked_for_when_a_user_brings_its_token(
    service: Any, script: Script, url: str, tmp_path: Path
) -> None:
    async with service(tmp_path, user_keys=url, user_keys_refresh_s=SELDOM_S) as (ask, _):
        await until(ask, OLD, "OK")
        script.body = publish(NEW, OLD)
        assert await ask(NEW) == UNTRUSTED, "no call waits for a fetch"
        await until(ask, NEW, "OK")
        assert await ask(OLD) == "OK"
        assert len(script.asked) == 2


async def test_a_key_that_is_withdrawn_stops_counting(
    service: Any, script: Script, url: str, tmp_path: Path
) -> None:
    async with service(tmp_path, user_keys=url, user_keys_refresh_s=OFTEN_S) as (ask, check):
        await until(ask, OLD, "OK")
        script.body = publish(NEW)
        await until(ask, OLD, UNTRUSTED)
        assert await ask(NEW) == "OK"
        script.body = publish()
        await until(ask, NEW, UNTRUSTED)
        assert await check() is None, "an empty set is one: nobody is trusted"


ODD = {
    "an outage": (503, publish()),
    "garbage": (200, b"<html>Service temporarily unavailable</html>"),
    "a huge answer": (200, publish() + b" " * MAX_JWKS_BYTES),
    "a redirect": (302, publish()),
    "a private key": (200, b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "d": "", "kid": "1"}]}'),
}


async def test_while_the_provider_answers_nonsense_the_last_good_set_stays(
    service: Any, script: Script, url: str, tmp_path: Path
) -> None:
    async with service(tmp_path, user_keys=url, user_keys_refresh_s=OFTEN_S) as (ask, check):
        await until(ask, OLD, "OK")
        for status, body in ODD.values():
            script.say(status, body)
            asked = len(script.asked)
            while len(script.asked) < asked + 2:
                assert await ask(OLD) == "OK"
            assert await ask(NEW) == UNTRUSTED
        assert await check() is None
        script.say(200, publish(NEW))
        await until(ask, NEW, "OK")


async def test_over_https_with_an_authority_of_ones_own(
    service: Any, script: Script, tmp_path: Path
) -> None:
    authority, ca_file = Authority("the company"), tmp_path / "ca.pem"
    ca_file.write_bytes(authority.certificate)
    with served(script, authority.issue("localhost")) as url:
        places = {"user_keys": url, "user_keys_ca_file": ca_file}
        async with service(tmp_path, **places) as (ask, _):
            await until(ask, OLD, "OK")
        ca_file.write_bytes(Authority("somebody else").certificate)
        async with service(tmp_path, **places) as (ask, check):
            assert await ask(OLD) == UNKNOWN_KEYS
            while "CERTIFICATE_VERIFY_FAILED" not in str(await check()):
                await ask(OLD)
            assert await ask(OLD) == UNKNOWN_KEYS


async def test_a_file_of_authorities_that_is_missing_ends_the_start(
    service: Any, url: str, tmp_path: Path
) -> None:
    places = {"user_keys": url.replace("http:", "https:"), "user_keys_ca_file": tmp_path / "none"}
    with pytest.raises(FileNotFoundError):
        async with service(tmp_path, **places):
            pass
