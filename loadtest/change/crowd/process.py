"""Starts the process of a crowd, and takes what it tells at its end."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from loadtest.change.crowd.values import Job, Outcome, load
from loadtest.change.frame import ExperimentFailed
from loadtest.shop import ROOT

END_WITHIN_S = 30.0
"""After the last call: more than any deadline."""


class CrowdProcess:
    """A crowd that orders while the `with` lasts, or until `stop`.

    It is apart from what experiments do, so that no call waits for a service to start again.
    """

    def __init__(self, job: Job, environ: Mapping[str, str], folder: Path) -> None:
        """`folder` takes its log and what it tells."""
        self._job = job
        self._environ = environ
        self._log = folder / "crowd.log"
        self._told = folder / "crowd.jsonl"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "CrowdProcess":
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "loadtest.change.crowd", str(self._told)),
                env=dict(self._environ),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us, and we end it
            )
        assert self._process.stdin is not None, "started with a pipe"
        assert self._process.stdout is not None, "started with a pipe"
        print(self._job.model_dump_json(), file=self._process.stdin, flush=True)
        if not self._process.stdout.readline():
            self._end()
            raise self._failure("could not begin")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def stop(self) -> list[Outcome]:
        """End the calls, and take what became of them, in the order in which they were due.

        Raises:
            ExperimentFailed: it did not end well.
        """
        process = self._process
        assert process is not None, "not started"
        try:
            process.communicate(timeout=END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._end()
            raise self._failure("did not end") from None
        self._end()
        if process.returncode:
            raise self._failure(f"ended with {process.returncode}")
        return sorted(load(self._told), key=lambda outcome: outcome.at)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        process.wait()

    def _failure(self, what: str) -> ExperimentFailed:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        return ExperimentFailed("\n".join([f"the customers' process {what}:", *lines]))
