"""HAProxy. Comes from the system's packages."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HAProxy:
    """Limits: `tune.bufsize` less `tune.maxrewrite`, and `tune.http.maxhdr`; both directions."""

    name: str = "haproxy"
    program: str = "haproxy"
    install: str = "sudo apt-get install haproxy"
    suffix: str = ".cfg"
    version_arguments: tuple[str, ...] = ("-v",)

    def arguments(self, configuration: Path, folder: Path) -> tuple[str, ...]:  # noqa: ARG002 - keeps nothing
        return ("-db", "-f", str(configuration))
