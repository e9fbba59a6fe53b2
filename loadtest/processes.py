"""Starts processes that announce their port, and stops them by id."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import psutil

READY = re.compile(
    r"^ready port=(?P<port>\d+) pid=(?P<pid>\d+)(?: http_port=(?P<http_port>\d+))?$", re.MULTILINE
)
"""The line on standard output that says that a service takes calls."""

SAME_STOP_S = 1.0
"""Signals that are closer than this mean one stop."""
INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it."""
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
"""More than the services' own bound on draining."""
KILL_TIMEOUT_S = 5.0
_POLL_S = 0.02
_AT_REST = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
_TAIL_LINES = 20


class StartFailed(RuntimeError):
    """A process ended or kept silent instead of getting ready; the text ends with its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, as whom to call it, and where its output goes: `<folder>/<name>.{out,log}`."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path
    folder: Path

    @property
    def out(self) -> Path:
        """Standard output."""
        return self.folder / f"{self.name}.out"

    @property
    def log(self) -> Path:
        """Standard error."""
        return self.folder / f"{self.name}.log"

    def on_port(self, port: int) -> "Command":
        """The same, told by a flag where to listen."""
        return replace(self, argv=(*self.argv, "--port", str(port)))

    def tail(self) -> str:
        """The last lines of what it wrote, for an error message."""
        lines = [line for path in (self.out, self.log) for line in _lines(path)]
        return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def run_program(main: Callable[[], int]) -> NoReturn:
    """Run `main` as this program, and exit with what it returns.

    SIGTERM and SIGHUP end it as Ctrl-C does: what it started is stopped. That is told in a word,
    and not as a traceback.
    """
    interrupt = _Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)


class _Interrupt:
    """Raises KeyboardInterrupt, and not again at once: some tell the process and then its group."""

    def __init__(self) -> None:
        self._raised_at = float("-inf")

    def __call__(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._raised_at >= SAME_STOP_S:
            self._raised_at = now
            raise KeyboardInterrupt


def run(command: Command, timeout_s: float = START_TIMEOUT_S) -> None:
    """Run `command` to its end.

    Raises:
        StartFailed: it failed, or took longer than `timeout_s`.
    """
    with command.out.open("wb") as out, command.log.open("wb") as log:
        try:
            done = subprocess.run(
                command.argv,
                env=command.environ,
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StartFailed(f"{command.name} took over {timeout_s:g} s") from error
    if done.returncode:
        raise StartFailed(f"{command.name} ended with {done.returncode}:\n{command.tail()}")


class Service:
    """A process that serves on a port of its own choice. Use as a context manager.

    With workers, each of them prints a ready line; `ready_lines` is how many to wait for.
    """

    def __init__(
        self,
        command: Command,
        *,
        ready_lines: int = 1,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._command = command
        self._ready_lines = ready_lines
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._lives_from = 0
        """Where in the output that of its present life begins."""

    def __enter__(self) -> "Service":
        for path in (self._command.out, self._command.log):
            path.unlink(missing_ok=True)
        self._start(self._command)
        return self

    def start_again(self, environ: Mapping[str, str] | None = None) -> None:
        """Start it once more where it was, after it was killed or stopped.

        Args:
            environ: instead of what it had.

        Raises:
            StartFailed: it ended or kept silent.
        """
        assert self._process is None, "it still runs"
        if environ is not None:
            self._command = replace(self._command, environ=environ)
        self._start(self._command.on_port(self._port))

    def _start(self, command: Command) -> None:
        with command.out.open("ab") as out, command.log.open("ab") as log:
            self._lives_from = out.tell()
            self._process = subprocess.Popen(
                command.argv,
                env=command.environ,
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                # Ctrl-C in the terminal is for whoever started us; we stop our children ourselves.
                start_new_session=True,
            )
        try:
            self._port = self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What it writes to standard error, in all its lives."""
        return self._command.log

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of its present life."""
        return self._command.environ

    @property
    def name(self) -> str:
        """What the process is called in messages."""
        return self._command.name

    def tail(self) -> str:
        """The last lines of what it wrote."""
        return self._command.tail()

    @property
    def target(self) -> str:
        """Where it serves, `host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def pids(self) -> tuple[int, ...]:
        """The process and all its descendants."""
        children = psutil.Process(self.pid).children(recursive=True)
        return (self.pid, *(child.pid for child in children))

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + self._start_timeout_s
        while len(ready := self._ready()) < self._ready_lines:
            if process.poll() is not None:
                raise self._failure(f"ended with {process.returncode} before it was ready")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {self._start_timeout_s:g} s")
            time.sleep(_POLL_S)
        return ready[0]

    @property
    def http_ports(self) -> list[int]:
        """Where it serves plain HTTP, each of its workers; empty where the settings want none."""
        lines = READY.finditer(self._command.out.read_text(encoding="utf-8", errors="replace"))
        return [int(line["http_port"]) for line in lines if line["http_port"]]

    def _ready(self) -> list[int]:
        """The port of every ready line of this life so far."""
        output = self._command.out.read_bytes()[self._lives_from :].decode(errors="replace")
        return [int(line["port"]) for line in READY.finditer(output)]

    def _failure(self, what: str) -> StartFailed:
        return StartFailed(f"{self._command.name} {what}:\n{self._command.tail()}")

    def kill(self) -> None:
        """End it and its descendants without a word (SIGKILL)."""
        process, self._process = self._process, None
        assert process is not None, "not started"
        family = _family(process.pid)
        for each in family:
            _kill(each)
        psutil.wait_procs(family, timeout=KILL_TIMEOUT_S)
        process.wait()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it and its descendants: SIGTERM, and SIGKILL for what is left after `timeout_s`."""
        process, self._process = self._process, None
        if process is None:
            return
        family = _family(process.pid)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        alive = family
        try:
            _, alive = psutil.wait_procs(family, timeout=timeout_s)
        finally:  # also where a second Ctrl-C ends the waiting: nothing is left behind
            for left in alive:
                _kill(left)
            process.wait()
        psutil.wait_procs(alive, timeout=KILL_TIMEOUT_S)


@contextmanager
def paused(*pids: int) -> Iterator[None]:
    """Processes that do nothing while the `with` lasts (SIGSTOP, SIGCONT)."""
    processes = [psutil.Process(pid) for pid in pids]
    for process in processes:
        process.suspend()
    # The signal is sent at once, and acts when the process is scheduled next.
    while not all(process.status() in _AT_REST for process in processes):
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def family(pid: int) -> tuple[int, ...]:
    """The ids of a process and of all its descendants; none where it is gone."""
    return tuple(process.pid for process in _family(pid))


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()
