"""The hops by name, and reading the name of a path: `envoy`, `nginx:tuned`, `envoy+haproxy`."""

from collections.abc import Mapping
from dataclasses import dataclass

from mesh.hop import DEFAULT, TUNED, Hop
from mesh.hops.caddy import Caddy
from mesh.hops.envoy import Envoy
from mesh.hops.haproxy import HAProxy
from mesh.hops.nginx import Nginx

HOPS: Mapping[str, Hop] = {
    "envoy": Envoy(),
    "caddy": Caddy(),
    "nginx": Nginx(),
    "haproxy": HAProxy(),
}


@dataclass(frozen=True, slots=True)
class Placed:
    """One hop of a path, with the configuration that it runs."""

    hop: Hop
    variant: str = DEFAULT

    def __str__(self) -> str:
        return self.hop.name if self.variant == DEFAULT else f"{self.hop.name}:{self.variant}"


def parse_path(text: str) -> tuple[Placed, ...]:
    """The hops of `text` from caller to service: `envoy:tuned+nginx` is Envoy, then nginx.

    Raises:
        ValueError: a hop or variant that does not exist.
    """
    return tuple(_parse_one(part) for part in text.split("+"))


def _parse_one(text: str) -> Placed:
    name, _, variant = text.partition(":")
    if name not in HOPS or variant not in ("", DEFAULT, TUNED):
        raise ValueError(
            f"no hop {text!r}; hops are {', '.join(HOPS)}, each alone or as NAME:tuned"
        )
    return Placed(HOPS[name], variant or DEFAULT)
