"""The kernel's count of a connection's bytes equals that of a forwarder in between."""

import socket
import threading
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.forwarder import CountingForwarder
from loadtest.results import WireBytes
from loadtest.wire import WireMeter, address_of, supported

pytestmark = pytest.mark.skipif(not supported(), reason="needs TCP_INFO with byte counts")


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("127.0.0.1:50052", ("127.0.0.1", 50052)),
        ("[::1]:80", ("::1", 80)),
        ("dns:///shop.test:443", ("shop.test", 443)),
    ],
)
def test_a_target_has_host_and_port(target: str, address: tuple[str, int]) -> None:
    assert address_of(target) == address


def test_a_target_without_a_port_is_an_error() -> None:
    with pytest.raises(ValueError, match="host:port"):
        address_of("localhost")


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 200_000), min_size=1, max_size=5))
def test_counts_plain_bytes_exactly(sizes: list[int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=_answer_all, args=(server,), daemon=True).start()
        with (
            CountingForwarder(target) as between,
            socket.create_connection(address_of(between.target)) as client,
        ):
            meter = WireMeter(between.target)
            before = meter.read()
            for size in sizes:
                client.sendall(b"x" * size)
                client.sendall(b".")
                assert client.recv(1) == b"!"
            total = WireBytes(up=sum(sizes) + len(sizes), down=len(sizes))
            assert meter.since(before) == total
            assert between.counted == total


def _answer_all(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while chunk := connection.recv(65_536):
            connection.sendall(b"!" * chunk.count(b"."))


def test_counts_grpc_calls_as_a_forwarder_does() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with (
            CountingForwarder(f"127.0.0.1:{port}") as between,
            grpc.insecure_channel(between.target) as channel,
        ):
            check = health_pb2_grpc.HealthStub(channel).Check
            meter = WireMeter(between.target)
            before = meter.read()
            for number in range(50):
                # Values that HPACK has not seen, so that calls differ in size.
                check(HealthCheckRequest(), metadata=(("x-note", "n" * number),), timeout=5)
            counted, seen = meter.since(before), between.counted
    finally:
        server.stop(None).wait()
    assert counted is not None
    assert counted.up > 50 * 30
    # What the last answer sets off, such as an acknowledged PING, may still be on its way.
    assert counted.up == pytest.approx(seen.up, rel=0.01)
    assert counted.down == pytest.approx(seen.down, rel=0.01)


def test_a_connection_that_ended_took_its_count_along() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        meter = WireMeter(target)
        with socket.create_connection(address_of(target)):
            before = meter.read()
            assert len(before) == 1
        assert meter.since(before) is None
