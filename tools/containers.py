"""Containers by the command line that Docker and Podman share."""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Self


class EngineFailed(RuntimeError):
    """The engine refused, or what it ran did; the text is what was said about it."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine, such as `docker` or `podman`."""

    program: str

    def __call__(self, *words: str) -> str:
        """Run one command of the engine; its standard output.

        Raises:
            EngineFailed: it ended with another code than 0.
        """
        return output([self.program, *words])

    def inspect(self, name: str) -> dict[str, Any]:
        """All that the engine knows of an image or a container."""
        found: dict[str, Any] = json.loads(self("inspect", name))[0]
        return found

    def said(self, container: str) -> str:
        """The last lines of a container, of both its outputs."""
        return output([self.program, "logs", "--tail", "5", container], both=True)

    def exit_code(self, container: str) -> int:
        """How a container ended."""
        return int(self.inspect(container)["State"]["ExitCode"])

    def published(self, container: str, port: int) -> str:
        """Where a port of a container is reached from here, as `host:port`.

        Raises:
            EngineFailed: it is not published, or the container has ended.
        """
        if not (found := self("port", container, f"{port}/tcp")):
            raise EngineFailed(f"{container} publishes no port {port}: has it ended?")
        return found.splitlines()[0]


class Room:
    """A network and what is made for it, all removed at the end. A context manager."""

    def __init__(self, engine: Engine) -> None:
        self.name = f"waybill-check-{uuid.uuid4().hex[:8]}"
        """Of the network, and what other names may begin with: nobody else has it."""
        self._engine = engine
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        self._engine("network", "create", self.name)
        self.at_end(partial(self._engine, "network", "rm", self.name))
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def volume(self, name: str, *options: str) -> None:
        """Make a volume."""
        self._engine("volume", "create", *options, name)
        self.at_end(partial(self._engine, "volume", "rm", "--force", name))

    def at_end(self, undo: Callable[[], object]) -> None:
        """Do this at the end, before what was told earlier."""
        self._undo.callback(undo)


def output(
    words: Sequence[str], environ: Mapping[str, str] | None = None, *, both: bool = False
) -> str:
    """Run a program, with variables beside those of this process; its standard output.

    With `both`, what it says on standard error comes behind that.

    Raises:
        EngineFailed: it ended with another code than 0, or is not there.
    """
    try:
        ended = subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, **(environ or {})},
        )
    except FileNotFoundError as missing:
        raise EngineFailed(f"{words[0]} is missing") from missing
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip())[-2000:]
        raise EngineFailed(f"{' '.join(words)[:500]}\n{said}")
    return (ended.stdout + ended.stderr).strip() if both else ended.stdout.strip()


def variables(values: Mapping[str, str]) -> list[str]:
    """Flags of `run` that set environment variables."""
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]
