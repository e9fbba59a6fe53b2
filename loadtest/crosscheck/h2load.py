"""h2load, nghttp2's load generator, driving one gRPC request again and again."""

import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from loadtest.crosscheck.tools import ToolFailed, path_of
from waybill.metadata import Entry

GRPC_HEADERS = (
    ("content-type", "application/grpc"),
    ("te", "trailers"),
    ("grpc-accept-encoding", "identity, deflate, gzip"),
    ("user-agent", f"grpc-python/{grpc.__version__} grpc-c/0.0.0 (linux; chttp2)"),
    ("grpc-timeout", "5S"),  # a deadline is work for the server
)
"""What a gRPC client sends besides the call's own metadata."""

_DONE = re.compile(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed")
_TIMEOUT_S = 120.0


def grpc_frame(message: bytes) -> bytes:
    """A message as it is in a gRPC body: not compressed, its length, itself (PROTOCOL-HTTP2.md)."""
    return struct.pack(">BI", 0, len(message)) + message


@dataclass(frozen=True, slots=True)
class Drive:
    """How to drive: `rate_per_s` over all `clients`, each with a connection."""

    target: str
    method: str
    rate_per_s: int
    calls: int
    clients: int


def command(drive: Drive, metadata: Sequence[Entry], body: Path) -> list[str]:
    """h2load's command line."""
    headers: list[Entry] = [*GRPC_HEADERS, *metadata]
    return [
        path_of("h2load"),
        *("-c", str(drive.clients), "-n", str(drive.calls), "-m", "32"),
        *("--rps", str(drive.rate_per_s // drive.clients), "-d", str(body)),
        *(word for key, value in headers for word in ("-H", f"{key}: {_text(value)}")),
        f"http://{drive.target}{drive.method}",
    ]


def run(drive: Drive, metadata: Sequence[Entry], message: bytes, folder: Path) -> int:
    """Send all calls; returns how many were answered.

    Raises:
        ToolFailed: h2load is missing, failed, or had calls fail.
    """
    body = folder / "h2load.body"
    body.write_bytes(grpc_frame(message))
    try:
        done = subprocess.run(
            command(drive, metadata, body),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(f"h2load took over {error.timeout:g} s") from None
    return answered(done.stdout + done.stderr, drive.calls)


def answered(output: str, calls: int) -> int:
    """How many calls h2load's report says were answered.

    Raises:
        ToolFailed: not all of `calls`.
    """
    found = _DONE.search(output)
    if found is None or int(found[2]) != calls:
        raise ToolFailed(f"h2load did not get all {calls} answers:\n{output}")
    return int(found[2])


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value
