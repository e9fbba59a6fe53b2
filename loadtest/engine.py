"""What the servers of all engines share: a process, its folder, and its port on loopback."""

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from loadtest.processes import StartFailed
from mesh.launcher import free_port

ATTEMPTS = 5
_POLL_S = 0.01


class EngineServer(ABC):
    """An engine as a process that listens on 127.0.0.1 only. A context manager."""

    name: ClassVar[str]
    """For messages and for its log."""
    start_timeout_s: ClassVar[float]
    stop_timeout_s: ClassVar[float] = 5.0
    ends_by: ClassVar[signal.Signals] = signal.SIGTERM
    killed_by: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """`folder` takes all that it writes; `port` None takes a free one."""
        self._folder = folder
        self._wanted_port = port
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for _ in range(ATTEMPTS):  # between our look at a port and its bind somebody may take it
            self._port = self._wanted_port or self._new_port()
            if self._started():
                return self
        raise self._failure("did not start")

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What it writes."""
        return self._folder / f"{self.name}.log"

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._port

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start_again(self) -> None:
        """Start it once more on its port, after it was killed or stopped.

        Raises:
            StartFailed: it did not come up, or somebody has taken the port.
        """
        assert self._process is None, "it still runs"
        if not self._started():
            raise self._failure("did not start again")

    def stop(self) -> None:
        """End it in good order, if it runs."""
        self._end(self.ends_by)

    def kill(self) -> None:
        """End it without its tidying up, if it runs."""
        self._end(self.killed_by)

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The command line for `self._port`; writes what it names."""

    @abstractmethod
    def _serves(self) -> bool:
        """Whether this process, and no other, answers at the port."""

    def _new_port(self) -> int:
        return free_port()

    def _run(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a program whose output goes to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for whoever started us; we stop our children ourselves.
                start_new_session=True,
            )

    def _started(self) -> bool:
        """Whether it came up."""
        self._process = self._run(self._command())
        deadline = time.monotonic() + self.start_timeout_s
        while time.monotonic() < deadline:
            time.sleep(_POLL_S)  # first of all: one that cannot start has ended by then
            if self._process.poll() is not None:
                break
            if self._serves():
                return True
        self.kill()
        return False

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(self.stop_timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _failure(self, what: str) -> StartFailed:
        return StartFailed(f"{self.name} {what}:\n{self.log.read_text('utf-8', 'replace')}")
