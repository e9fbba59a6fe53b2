"""A path that speaks TLS is measured like any other, and one that cannot be trusted is not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from loadtest.limits.cases import Case, measure
from loadtest.limits.cli import main
from loadtest.limits.client_process import ClientProcess, wire_command
from loadtest.limits.records import Direction, Shape
from loadtest.limits.target import Target, introduce
from tests.certificates import Authority

LIST_BYTES = 12_000
"""Both of gRPC's limits, so that nothing is left to chance."""
OPTIONS = (
    ("grpc.max_metadata_size", LIST_BYTES),
    ("grpc.absolute_max_metadata_size", LIST_BYTES),
)
NAME = "localhost"
AUTHORITY = Authority("a path's authority")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A service with health and nothing of ours, behind TLS."""
    identity = AUTHORITY.issue(NAME)
    credentials = grpc.ssl_server_credentials([(identity.key, identity.certificate)])
    server = grpc.server(ThreadPoolExecutor(4), options=OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    bound = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield bound
    server.stop(0).wait()


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(AUTHORITY.certificate)
    return path


def test_a_tls_path_is_measured_to_the_byte(port: int, trusted: Path) -> None:
    target = Target(NAME, port, tls=True, ca=str(trusted))
    with ClientProcess(wire_command(NAME, port, tls=True, ca=str(trusted))) as process:
        bench, announced = introduce(target, process)
        case = Case(Direction.REQUEST, Shape.SINGLE, 16_000)
        # Few confirmations, because gRPC holds each refusal back for a while.
        limit = measure(replace(bench, confirmations=1), case)
    assert announced == LIST_BYTES
    assert limit.list_bytes == LIST_BYTES - 1, "at its hard limit gRPC refuses already"
    assert not limit.random
    assert "12000" in limit.refusals[0].text


def test_the_command_takes_tls_and_its_authority(
    port: int, trusted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "limits.json"
    tls = ("--tls", "--ca", str(trusted))
    few = ("--max-calls", "4", "--json", str(results))
    assert main(["--target", f"{NAME}:{port}", *tls, *few]) == 0
    (measured,) = json.loads(results.read_text())["measured"]
    assert measured["announced_list_bytes"] == LIST_BYTES
    assert "stopped at 4 calls" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("host", "options"),
    [
        (NAME, ()),
        (NAME, ("--tls",)),
        ("127.0.0.1", ("--tls", "--ca", "trusted")),
        (NAME, ("--tls", "--ca", "other")),
    ],
    ids=["without TLS", "no authority", "another name", "another authority"],
)
def test_a_path_that_is_not_what_it_says_is_not_probed(
    host: str,
    options: tuple[str, ...],
    port: int,
    trusted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority("somebody").certificate)
    files = {"trusted": str(trusted), "other": str(other)}
    assert main(["--target", f"{host}:{port}", *(files.get(each, each) for each in options)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "does not answer a small call" in said
