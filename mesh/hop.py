"""What a hop is: a program that listens on one port and passes gRPC calls on to another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

CONFIGURATIONS = Path(__file__).parent
"""Configurations lie in `mesh/<hop>/<variant>.<suffix>`, as a user of the hop would write them."""

DEFAULT = "default"
"""The variant that sets no limit at all: what the hop does when nobody thought about it."""

TUNED = "tuned"
"""The variant that raises every limit it can, and shows with which directive."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Hop(Protocol):
    """One kind of hop. Its file says how it is started; its folder holds its configurations."""

    @property
    def name(self) -> str:
        """Short lower-case name, also that of its folder."""
        ...

    @property
    def program(self) -> str:
        """The executable's name."""
        ...

    @property
    def install(self) -> str:
        """The command that installs the executable."""
        ...

    @property
    def suffix(self) -> str:
        """What the configuration files' names end in, with the dot."""
        ...

    @property
    def version_arguments(self) -> tuple[str, ...]:
        """Arguments that make the executable print its version."""
        ...

    def arguments(self, configuration: Path, folder: Path) -> tuple[str, ...]:
        """Arguments that run it in the foreground; it may write below `folder` only."""
        ...


class HopMissing(Exception):
    """The hop's program is not on this machine; the text names the command that installs it."""


class HopFailed(Exception):
    """The hop's program ended or never listened; the text ends with what it logged."""
