"""The server around the guard: health, reflection, metadata limit, TLS, the port, the drain."""

import asyncio
import gc
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from shop.products.v1 import products_pb2
from tests.certificates import Authority
from tests.toy import (
    ALICE,
    GOOD,
    ORDERS,
    ROBOT,
    Lines,
    Toy,
    connect,
    listening,
    refusal,
    services,
    serving,
    settings,
)
from waybill.serving.call import Call
from waybill.serving.health import HealthMonitor, HealthServicer
from waybill.serving.server import CannotListen, options, running, serve

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNDECODABLE = (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_UNDECODABLE")
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


@dataclass
class Switch:
    """A check that can be flipped."""

    problem: str | None = None

    async def __call__(self) -> str | None:
        return self.problem


async def health(toy: Toy, name: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(toy.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


def watch(toy: Toy, name: str = "") -> AsyncGenerator[int, None]:
    call = health_pb2_grpc.HealthStub(toy.channel).Watch(
        health_pb2.HealthCheckRequest(service=name)
    )

    async def statuses() -> AsyncGenerator[int, None]:
        async for answer in call:
            yield answer.status

    return statuses()


async def test_health_needs_no_credential_and_knows_the_services() -> None:
    async with serving(services()) as toy:
        assert await health(toy) == SERVING
        assert await health(toy, ORDERS.full_name) == SERVING
        unknown = await refusal(health(toy, "shop.nothing.v1.NoService"))
    assert unknown.code == grpc.StatusCode.NOT_FOUND


async def test_health_is_false_from_the_first_call_when_a_check_fails() -> None:
    async with serving(services(), {"keys": Switch("none loaded"), "database": Switch()}) as toy:
        assert await health(toy) == NOT_SERVING
        assert await health(toy, ORDERS.full_name) == NOT_SERVING


async def test_watch_tells_every_change_and_ends_with_the_drain() -> None:
    switch = Switch()
    async with listening(services(), {"keys": switch}) as port:
        toy = connect(port)
        statuses, others = watch(toy, ORDERS.full_name), watch(toy, "nothing")
        assert await anext(statuses) == SERVING
        assert await anext(others) == UNKNOWN
        switch.problem = "gone"
        assert await anext(statuses) == NOT_SERVING
        switch.problem = None
        assert await anext(statuses) == SERVING
    async with toy.channel:
        assert await _list(statuses) == [NOT_SERVING]
        assert await _list(others) == []


async def _list(statuses: AsyncGenerator[int, None]) -> list[int]:
    return [status async for status in statuses]


async def test_a_check_that_hangs_counts_as_failing_and_is_not_piled_up() -> None:
    lines, servicer = Lines(), HealthServicer([""])
    started, answer = [], asyncio.Event()

    async def hang() -> None:
        started.append(1)
        await answer.wait()

    monitor = HealthMonitor(servicer, {"database": hang}, lines.logger(), timeout_s=0.01)
    await monitor.poll()
    await monitor.poll()
    assert len(started) == 1
    assert [line["problems"] for line in lines.about("not serving")] == [
        {"database": "does not answer within 0.01 s"}
    ]
    answer.set()
    await monitor.poll()
    assert len(lines.about("serving")) == 1


async def test_what_only_one_name_needs_is_told_under_that_name_alone() -> None:
    lines, copy = Lines(), Switch("lags")
    no_call: Any = None
    servicer = HealthServicer(["", "shop", "shop/copy"])
    needs = {"": ["keys"], "shop": ["keys"], "shop/copy": ["keys", "copy"]}
    checks = {"keys": (keys := Switch()), "copy": copy}
    monitor = HealthMonitor(servicer, checks, lines.logger(), needs=needs)

    async def down() -> list[str]:
        await monitor.poll()
        answers = {name: await servicer.check(asked(name), no_call) for name in servicer.names}
        return sorted(name for name, answer in answers.items() if status_of(answer) != SERVING)

    assert await down() == ["shop/copy"]
    (line,) = lines.about("serving in part")
    assert (line["problems"], line["names"]) == ({"copy": "lags"}, ["shop/copy"])
    keys.problem = "gone"
    assert await down() == ["", "shop", "shop/copy"]
    keys.problem = copy.problem = None
    assert await down() == []
    assert [len(lines.about(event)) for event in ("not serving", "serving")] == [1, 1]


def asked(name: str) -> bytes:
    return bytes(health_pb2.HealthCheckRequest(service=name).SerializeToString())


def status_of(answer: bytes) -> int:
    return int(health_pb2.HealthCheckResponse.FromString(answer).status)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (OSError("secret"), "the check failed with OSError"),
        (asyncio.CancelledError("secret"), "the check was cancelled"),
    ],
)
async def test_a_check_that_raises_counts_as_failing_without_its_text(
    error: BaseException, problem: str
) -> None:
    lines = Lines()

    async def fail() -> None:
        raise error

    monitor = HealthMonitor(HealthServicer([""]), {"database": fail}, lines.logger())
    await monitor.poll()
    (line,) = lines.about("not serving")
    assert line["problems"] == {"database": problem}


async def listed_services(toy: Toy) -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(toy.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = await anext(aiter(stub.ServerReflectionInfo(iter([request]))))
    return [service.name for service in answer.list_services_response.service]


async def test_reflection_is_there_by_default_and_unimplemented_when_off() -> None:
    async with serving(services()) as toy:
        assert ORDERS.full_name in await listed_services(toy)
    async with serving(services(), reflection=False) as toy:
        refused = await refusal(listed_services(toy))
    assert refused.code == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["Check", "Watch"])
async def test_health_refuses_what_is_no_message_without_saying_why(method: str) -> None:
    async with serving(services()) as toy:
        call: Any = toy.channel.unary_stream(f"/grpc.health.v1.Health/{method}")
        refused = await refusal(anext(aiter(call(b"\xff"))))
    assert (refused.code, refused.reason) == UNDECODABLE


async def test_reflection_refuses_what_is_no_message_without_saying_why() -> None:
    async with serving(services()) as toy:
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        call: Any = toy.channel.stream_stream(path)
        refused = await refusal(anext(aiter(call(iter([b"\xff"])))))
    assert (refused.code, refused.reason) == UNDECODABLE


@pytest.mark.parametrize(
    "path", ["/grpc.channelz.v1.Channelz/GetServers", "/shop.orders.v1.OrdersService/Nothing", "/x"]
)
async def test_what_is_not_offered_is_unimplemented(path: str) -> None:
    async with serving(services()) as toy:
        call: Callable[..., Awaitable[bytes]] = toy.channel.unary_unary(path)
        refused = await refusal(call(b"", metadata=ALICE))
    assert refused.code == grpc.StatusCode.UNIMPLEMENTED


async def test_metadata_over_the_hard_limit_is_refused_and_the_limit_can_be_raised() -> None:
    big = (*ALICE, ("waybill-state-v1", "x" * 12_000))
    huge = (*ALICE, ("waybill-state-v1", "x" * 20_000))
    async with serving(services()) as toy:
        refused = await refusal(toy.orders.PlaceOrder(GOOD, metadata=huge))
    async with serving(services(), max_metadata_bytes=16_384) as toy:
        await toy.orders.PlaceOrder(GOOD, metadata=big)
    assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_options_leave_grpcs_metadata_limits_alone_by_default() -> None:
    assert "grpc.max_metadata_size" not in dict(options(settings()))
    assert dict(options(settings(max_metadata_bytes=9000)))["grpc.max_metadata_size"] == 9000


async def test_a_connection_has_no_streams_without_number() -> None:
    async with serving(services(), max_concurrent_calls=50) as toy:
        reader, writer = await asyncio.open_connection("127.0.0.1", toy.port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        length = int.from_bytes((await reader.readexactly(9))[:3])
        announced = dict(struct.iter_unpack(">HI", await reader.readexactly(length)))
        writer.close()
    assert announced[0x3] == 2 * 50  # SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113, section 6.5.2


@pytest.mark.parametrize(("workers", "shared"), [(1, 0), (2, 1)])
def test_options_share_the_port_only_between_workers(workers: int, shared: int) -> None:
    assert dict(options(settings(workers=workers)))["grpc.so_reuseport"] == shared


async def test_a_taken_port_is_a_clear_error_with_exit_code_1() -> None:
    async with serving(services()) as toy:
        with pytest.raises(CannotListen, match=rf"127.0.0.1:{toy.port}.*choose another") as raised:
            async with running(settings(port=toy.port), services()):
                pass
    assert isinstance(raised.value, SystemExit)
    assert isinstance(raised.value.code, str)  # the interpreter prints it and exits with 1


async def test_the_drain_lets_calls_finish_and_ends_streams() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(
        request: orders_pb2.PlaceOrderRequest, call: Call
    ) -> orders_pb2.PlaceOrderResponse:
        entered.set()
        await go_on.wait()
        return orders_pb2.PlaceOrderResponse()

    async def forever(
        request: products_pb2.WatchAccessRequest, call: Call
    ) -> AsyncGenerator[products_pb2.WatchAccessResponse, None]:
        yield products_pb2.WatchAccessResponse(epoch=1)
        await asyncio.Event().wait()

    async with listening(guarded := services(wait, forever)) as port:
        toy = connect(port)
        call = toy.orders.PlaceOrder(GOOD, metadata=ALICE)
        await entered.wait()
        stream = aiter(toy.products.WatchAccess(products_pb2.WatchAccessRequest(), metadata=ROBOT))
        await anext(stream)
        guarded[0].drain()
        ended = await refusal(anext(stream))
        late = await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE))
        go_on.set()
    async with toy.channel:
        assert await call == orders_pb2.PlaceOrderResponse()
        gone = await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE))
    for refused in (ended, late):
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert gone.code == grpc.StatusCode.UNAVAILABLE


async def test_a_stream_is_not_ended_within_a_message() -> None:
    """One that waits for its caller to read is sent whole; the status comes behind it."""
    sending = asyncio.Event()
    large = products_pb2.WatchAccessResponse(epoch=1)
    large.changes.changes.add(subject="s" * 1_000_000)

    async def flood(
        request: products_pb2.WatchAccessRequest, call: Call
    ) -> AsyncGenerator[products_pb2.WatchAccessResponse, None]:
        sending.set()
        while True:
            yield large

    async with listening(guarded := services(watch=flood)) as port:
        toy = connect(port)
        stream = aiter(toy.products.WatchAccess(products_pb2.WatchAccessRequest(), metadata=ROBOT))
        await sending.wait()
        guarded[0].drain()
        assert await anext(stream) == large
        ended = await refusal(anext(stream))
    await toy.channel.close()
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


async def test_a_call_that_outlasts_the_drain_is_unavailable() -> None:
    entered = asyncio.Event()

    async def hang(
        request: orders_pb2.PlaceOrderRequest, call: Call
    ) -> orders_pb2.PlaceOrderResponse:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with listening(services(hang), drain_s=0.0) as port:
        toy = connect(port)
        call = toy.orders.PlaceOrder(GOOD, metadata=ALICE)
        await entered.wait()
    async with toy.channel:
        assert (await refusal(call)).code == grpc.StatusCode.UNAVAILABLE


@dataclass(frozen=True)
class Files:
    cert: Path
    key: Path
    ca: Path


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("the right one")


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Files:
    identity = authority.issue("localhost")
    found = Files(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    found.cert.write_bytes(identity.certificate)
    found.key.write_bytes(identity.key)
    found.ca.write_bytes(authority.certificate)
    return found


async def place_with(
    port: int, credentials: grpc.ChannelCredentials
) -> orders_pb2.PlaceOrderResponse:
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
        stub = orders_pb2_grpc.OrdersServiceStub(channel)
        return await stub.PlaceOrder(GOOD, metadata=ALICE)


async def test_mutual_tls_takes_only_clients_of_its_authority(
    files: Files, authority: Authority
) -> None:
    stranger = Authority("another")
    async with serving(
        services(),
        tls_cert_file=files.cert,
        tls_key_file=files.key,
        tls_client_ca_file=files.ca,
    ) as toy:
        await place_with(toy.port, authority.issue("client").credentials(trusting=authority))
        no_certificate = grpc.ssl_channel_credentials(authority.certificate)
        wrong_client = stranger.issue("client").credentials(trusting=authority)
        wrong_server = authority.issue("client").credentials(trusting=stranger)
        for credentials in (no_certificate, wrong_client, wrong_server):
            refused = await refusal(place_with(toy.port, credentials))
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "")
        plain = await refusal(toy.orders.PlaceOrder(GOOD, metadata=ALICE))
    assert plain.code == grpc.StatusCode.UNAVAILABLE


async def test_plain_tls_asks_no_client_certificate(files: Files, authority: Authority) -> None:
    async with serving(services(), tls_cert_file=files.cert, tls_key_file=files.key) as toy:
        answer = await place_with(toy.port, grpc.ssl_channel_credentials(authority.certificate))
    assert isinstance(answer, orders_pb2.PlaceOrderResponse)


async def test_unusable_tls_files_are_clear_errors(files: Files, tmp_path: Path) -> None:
    missing = settings(tls_cert_file=tmp_path / "no.pem", tls_key_file=files.key)
    with pytest.raises(CannotListen, match=r"no\.pem: No such file"):
        async with running(missing, services()):
            pass
    swapped = settings(tls_cert_file=files.key, tls_key_file=files.cert)
    with pytest.raises(CannotListen, match="TLS files"):
        async with running(swapped, services()):
            pass


async def test_what_the_start_has_made_is_not_looked_through_by_later_collections() -> None:
    loop = asyncio.get_running_loop()
    kept: asyncio.Future[int] = loop.create_future()
    serves = asyncio.create_task(
        serve(settings(), [], [], {}, ready=lambda _port: kept.set_result(gc.get_freeze_count()))
    )
    try:
        assert await kept > 10_000
    finally:
        gc.unfreeze()
        serves.cancel()
        await asyncio.gather(serves, return_exceptions=True)
