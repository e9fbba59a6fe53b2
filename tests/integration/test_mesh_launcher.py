"""Every hop starts from its own configuration, passes gRPC calls on, and is gone afterwards."""

import os
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mesh.hop import Address
from mesh.launcher import LOOPBACK, launch, launch_path
from mesh.table import HOPS, Placed, parse_path
from tests.needing import need

pytestmark = pytest.mark.engines

PATHS = ["envoy", "envoy:tuned", "caddy", "caddy:tuned", "envoy+caddy"]
PATHS += ["nginx", "nginx:tuned", "haproxy", "haproxy:tuned", "nginx+haproxy"]


@pytest.fixture(scope="module")
def service() -> Iterator[Address]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    yield Address(LOOPBACK, port)
    server.stop(None).wait()


def check(address: Address) -> int:
    with grpc.insecure_channel(str(address)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status)


@pytest.mark.parametrize("text", PATHS)
def test_a_path_passes_calls_on(text: str, service: Address) -> None:
    path = parse_path(text)
    need(placed.hop for placed in path)
    with launch_path(path, service) as running:
        assert check(running[0].address) == health_pb2.HealthCheckResponse.SERVING


def test_a_stopped_hop_is_gone(service: Address) -> None:
    with launch(Placed(HOPS["envoy"]), service) as running:
        pid = running.pid
        folder = running.log.parent
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not folder.exists()
