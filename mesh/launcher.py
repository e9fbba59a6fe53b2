"""Starts hops on free loopback ports in front of a service, and stops them."""

import os
import re
import secrets
import shutil
import socket
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mesh.hop import CONFIGURATIONS, Address, Hop, HopFailed, HopMissing
from mesh.table import Placed

LOOPBACK = "127.0.0.1"
PORTS = range(15_000, 32_768)
"""Below those that Linux gives to outgoing connections (net.ipv4.ip_local_port_range): a port that
was chosen for a service must still be free when that starts."""
START_S = 10.0
STOP_S = 5.0
LOG_TAIL_CHARS = 2000
Process: TypeAlias = "subprocess.Popen[bytes]"


@dataclass(frozen=True, slots=True)
class RunningHop:
    """A hop that listens. `log` is the file that its output goes to."""

    placed: Placed
    address: Address
    pid: int
    log: Path


def program_path(hop: Hop) -> str:
    """Path of the hop's executable: beside the interpreter, on PATH, or where Debian has daemons.

    Raises:
        HopMissing: it is nowhere.
    """
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin")
    if found := shutil.which(hop.program, path=os.pathsep.join(folders)):
        return found
    raise HopMissing(f"{hop.name} is not installed; install it with: {hop.install}")


def version(hop: Hop) -> str:
    """The hop's version as it prints it, such as `1.40.0`.

    Raises:
        HopMissing: the program is not on this machine.
    """
    done = subprocess.run(
        [program_path(hop), *hop.version_arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=START_S,
    )
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found.group() if found else "unknown"


def render(placed: Placed, listen: Address, upstream: Address, folder: Path) -> str:
    """The hop's configuration with its four blanks filled in.

    Raises:
        KeyError: the configuration has a blank that nobody fills.
    """
    source = CONFIGURATIONS / placed.hop.name / f"{placed.variant}{placed.hop.suffix}"
    return string.Template(source.read_text()).substitute(
        listen_host=listen.host,
        listen_port=listen.port,
        upstream_host=upstream.host,
        upstream_port=upstream.port,
        folder=folder,
    )


@contextmanager
def launch(placed: Placed, upstream: Address) -> Iterator[RunningHop]:
    """Run one hop in front of `upstream` until the context ends.

    Raises:
        HopMissing: the program is not on this machine.
        HopFailed: it ended or did not listen within 10 s.
    """
    program = program_path(placed.hop)
    with tempfile.TemporaryDirectory(prefix=f"waybill-{placed.hop.name}-") as name:
        folder = Path(name)
        listen = Address(LOOPBACK, free_port())
        configuration = folder / f"configuration{placed.hop.suffix}"
        configuration.write_text(render(placed, listen, upstream, folder))
        log = folder / "log"
        with started(program, placed.hop.arguments(configuration, folder), folder, log) as process:
            wait_until_listening(process, listen, str(placed), log)
            yield RunningHop(placed, listen, process.pid, log)


@contextmanager
def started(program: str, arguments: Sequence[str], home: Path, log: Path) -> Iterator[Process]:
    """Run a hop's program until the context ends, with what it prints in `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(home)},
            start_new_session=True,  # Ctrl-C is for whoever started us, who stops it then
        )
    try:
        yield process
    finally:
        stop(process)


@contextmanager
def launch_path(path: Sequence[Placed], upstream: Address) -> Iterator[list[RunningHop]]:
    """Run several hops, the first of which callers talk to and the last of which knows `upstream`.

    Raises:
        HopMissing: a program is not on this machine.
        HopFailed: one ended or did not listen.
    """
    with ExitStack() as stack:
        running: list[RunningHop] = []
        for placed in reversed(path):
            next_address = running[0].address if running else upstream
            running.insert(0, stack.enter_context(launch(placed, next_address)))
        yield running


def free_port() -> int:
    """A loopback port that nobody has now, and that no outgoing connection will be given."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def stop(process: "subprocess.Popen[Any]", within_s: float = STOP_S) -> None:
    """Ask the process to end, and kill it if it does not in time."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_listening(process: Process, listen: Address, name: str, log: Path) -> None:
    """Return as soon as somebody listens there.

    Raises:
        HopFailed: the process ended, or did not listen within 10 s; the text ends with its log.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((listen.host, listen.port), timeout=1):
            return
        time.sleep(0.02)
    tail = log.read_text(errors="replace")[-LOG_TAIL_CHARS:].strip()
    raise HopFailed(f"{name} did not start listening on {listen}:\n{tail}")
