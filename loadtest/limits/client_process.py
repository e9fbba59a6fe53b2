"""A probing client in a process of its own: one that hangs or dies is a finding, not our end."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from loadtest.limits.asks import Ask, End, Outcome

GRACE_S = 5.0
"""What the child gets beyond the ask's own deadline before it counts as hung."""


class Prober(Protocol):
    """Something that makes calls and tells what they saw."""

    def run(self, ask: Ask) -> list[Outcome]:
        """One outcome for each of the ask's calls."""
        ...


class ClientProcess:
    """Runs `command`, started at the first ask and again after it hung or died."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        grace_s: float = GRACE_S,
    ) -> None:
        self._command = command
        self._environment = environment or {}
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def run(self, ask: Ask) -> list[Outcome]:
        process = self._started()
        began = time.monotonic()
        try:
            line = self._exchange(process, ask, began + ask.deadline_s + self._grace_s)
        except TimeoutError:  # an OSError too, so it comes first
            end = End.HUNG
        except (OSError, EOFError):
            end = End.DIED
        else:
            return [Outcome.from_json(found) for found in json.loads(line)]
        code = self._end()
        held_ms = 1000 * (time.monotonic() - began)
        text = f"the client's process ended with {code}" if end is End.DIED else "no answer"
        lost = Outcome(end=end, text=text, held_ms=held_ms, connection_lost=True)
        return [lost] * ask.times

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={**os.environ, "GRPC_VERBOSITY": "NONE", **self._environment},
            )
        return self._process

    def _exchange(self, process: "subprocess.Popen[bytes]", ask: Ask, deadline: float) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(ask.to_json().encode() + b"\n")
        line = bytearray()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
            if not ready:
                raise TimeoutError
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                raise EOFError
            line += data
        return bytes(line)

    def _end(self) -> int | None:
        """Stop the child. Returns its exit code if it had ended by itself."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            code = process.wait(0.2)
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return code


def wire_command(
    host: str, port: int, *, huffman: bool = False, tls: bool = False, ca: str | None = None
) -> list[str]:
    """The command of the client without limits."""
    flags = ["--huffman"] * huffman + ["--tls"] * tls + (["--ca", ca] if ca else [])
    return [sys.executable, "-m", "loadtest.limits.clients.wire", host, str(port), *flags]
