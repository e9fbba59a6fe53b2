"""Services and clients that the lab starts: the probe service in several settings, and grpc-js."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from loadtest.limits.client_process import ClientProcess
from mesh.hop import Address
from mesh.launcher import LOOPBACK, stop

FOREIGN = Path(__file__).parent / "foreign"
GRPC_JS_FOLDER = Path("build/grpc-js")
GRPC_JS_INSTALL = f"npm install --prefix {GRPC_JS_FOLDER} @grpc/grpc-js"


class EndpointMissing(Exception):
    """The endpoint's program is not on this machine; the text names the command that helps."""


@contextmanager
def probe_service(limits: str) -> Iterator[Address]:
    """The probe service as a process, with `limits` wide-open, default or tuned."""
    command = [sys.executable, "-m", "loadtest.limits", "serve", "--limits", limits, "--port", "0"]
    with _started(command, {}) as address:
        yield address


@contextmanager
def grpc_js_service() -> Iterator[Address]:
    """The probe service on grpc-js.

    Raises:
        EndpointMissing: no Node.js, or no @grpc/grpc-js below build/.
    """
    with _started([_node(), str(FOREIGN / "server.js")], _node_environment()) as address:
        yield address


def grpcio_client(service: Address) -> ClientProcess:
    """A client of gRPC for Python, all defaults."""
    module = "loadtest.limits.clients.grpcio"
    return ClientProcess([sys.executable, "-m", module, service.host, str(service.port)])


def grpc_js_client(service: Address) -> ClientProcess:
    """A client of grpc-js, all defaults.

    Raises:
        EndpointMissing: no Node.js, or no @grpc/grpc-js below build/.
    """
    command = [_node(), str(FOREIGN / "client.js"), service.host, str(service.port)]
    return ClientProcess(command, _node_environment())


def grpcio_version() -> str:
    """Version of gRPC for Python."""
    return version("grpcio")


def grpc_js_version() -> str:
    """Versions of grpc-js and of Node.js, whose HTTP/2 it uses.

    Raises:
        EndpointMissing: no Node.js, or no @grpc/grpc-js below build/.
    """
    node = subprocess.run([_node(), "--version"], capture_output=True, text=True, check=True)
    package = (GRPC_JS_FOLDER / "node_modules/@grpc/grpc-js/package.json").read_text()
    found = re.search(r'"version":\s*"([^"]+)"', package)
    return f"{found.group(1) if found else 'unknown'}, Node {node.stdout.strip().lstrip('v')}"


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise EndpointMissing(f"Node.js is not installed; install it, then: {GRPC_JS_INSTALL}")
    if not (GRPC_JS_FOLDER / "node_modules").is_dir():
        raise EndpointMissing(f"grpc-js is not installed; install it with: {GRPC_JS_INSTALL}")
    return node


def _node_environment() -> Mapping[str, str]:
    return {"NODE_PATH": str((GRPC_JS_FOLDER / "node_modules").resolve())}


@contextmanager
def _started(command: list[str], environment: Mapping[str, str]) -> Iterator[Address]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "GRPC_VERBOSITY": "NONE", **environment},
    )
    try:
        assert process.stdout is not None
        ready = re.search(rb"ready port=(\d+)", process.stdout.readline())
        if ready is None:
            raise EndpointMissing(f"did not start: {' '.join(command)}")
        yield Address(LOOPBACK, int(ready.group(1)))
    finally:
        stop(process)
        if process.stdout is not None:
            process.stdout.close()
