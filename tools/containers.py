"""Containers by the command line that Docker and Podman share."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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


def output(words: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
    """Run a program, with variables beside those of this process; its standard output.

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
    return ended.stdout.strip()


def variables(values: Mapping[str, str]) -> list[str]:
    """Flags of `run` that set environment variables."""
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]
