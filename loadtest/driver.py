"""The measuring side of the load generator: starts it, hands it jobs, takes its reports."""

import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from loadtest.affinity import pin
from loadtest.replies import Reply
from loadtest.results import Measured
from loadtest.shop import ROOT
from loadtest.world import Job, World
from mesh.launcher import stop

STOP_TIMEOUT_S = 5.0


class GeneratorFailed(RuntimeError):
    """There is no generator any more, or nothing that it could drive."""


class CellFailed(RuntimeError):
    """One cell could not be driven, so that there is nothing to report of it; others may be."""


class Driver:
    """A load generator in a process of its own. A context manager.

    It is apart, so that nothing that measures is patched for gevent, and so that its CPU time is
    not that of the measuring.

    Args:
        world: what it drives.
        environ: its environment.
        log: where its standard error goes.
        cpus: the CPUs that it is kept on; any, if there are none.
    """

    def __init__(
        self,
        world: World,
        environ: Mapping[str, str],
        log: Path,
        cpus: Collection[int] = (),
    ) -> None:
        self._world = world
        self._environ = environ
        self._log = log
        self._cpus = cpus
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Driver":
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "loadtest.generator"),
                env=dict(self._environ),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us, and we end it
            )
        if self._cpus:
            pin([self._process.pid], self._cpus)
        self._send(self._world.model_dump_json())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            _close(pipe)
        stop(process, STOP_TIMEOUT_S)

    def measure(self, job: Job) -> Measured:
        """Drive one cell, to its last answer.

        Raises:
            CellFailed: the cell could not be driven.
            GeneratorFailed: the generator ended.
        """
        self._send(job.model_dump_json())
        assert self._process is not None, "not started"
        assert self._process.stdout is not None, "started with a pipe"
        line = self._process.stdout.readline()
        if not line:
            raise GeneratorFailed(f"the load generator ended:\n{self._tail()}")
        reply = Reply.model_validate_json(line)
        if reply.measured is None:
            raise CellFailed(reply.error or "the load generator gave no reason")
        return reply.measured

    def _send(self, line: str) -> None:
        assert self._process is not None, "not started"
        assert self._process.stdin is not None, "started with a pipe"
        try:
            print(line, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise GeneratorFailed(f"the load generator ended:\n{self._tail()}") from None

    def _tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-20:])


def _close(pipe: IO[str] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):  # what was still in the buffer has no reader any more
            pipe.close()
