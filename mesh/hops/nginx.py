"""nginx. Comes from the system's packages."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Nginx:
    """Limits: `large_client_header_buffers` for requests, `grpc_buffer_size` for responses."""

    name: str = "nginx"
    program: str = "nginx"
    install: str = "sudo apt-get install nginx-light"
    suffix: str = ".conf"
    version_arguments: tuple[str, ...] = ("-v",)

    def arguments(self, configuration: Path, folder: Path) -> tuple[str, ...]:
        return ("-c", str(configuration), "-p", str(folder), "-e", "stderr")
