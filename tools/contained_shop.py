"""Both services and the client in containers that may do nothing else, started one by one.

Every container is started as deploy/compose.yaml starts it: a root file system that cannot be
written, no capabilities, no new privileges, and one volume.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from tools.containers import Engine, Room, variables
from tools.running_shop import Shop, flags

HARDENED: Final = ("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
INSIDE: Final = Path(__file__).resolve().parents[1] / "deploy" / "check" / "inside.py"


class ContainedShop(Shop):
    """Both services in containers on a network of their own."""

    def __init__(self, engine: Engine, image: str) -> None:
        super().__init__(engine)
        self.image = image
        self._room = Room(engine)

    def __enter__(self) -> Self:
        self._room.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        self._room.__exit__(*problem)

    def named(self, part: str) -> str:
        """The container or volume of one part."""
        return f"{self._room.name}-{part}"

    def client(self, *words: str) -> str:
        """What the shop's client prints."""
        return self._inside("client", "client", *words)

    def generated(self, **sizes: int) -> str:
        """Fill the products service's database, beside the service; what that says."""
        words = ("products_svc", "generate", *flags(sizes))
        return self._inside("products", *words).splitlines()[-1]

    def facts(self) -> dict[str, Any]:
        """What INSIDE finds in a container."""
        script = INSIDE.read_text("utf-8")
        words = ("exec", self.named("client"), "python", "-c", script)
        found: dict[str, Any] = json.loads(self.engine(*words))
        return found

    def open(self) -> None:
        """Make all volumes, and start the container that the client's commands run in."""
        for kind in ("identity", "products", "orders"):
            self._room.volume(self.named(kind))
        where = {
            "WAYBILL_PRODUCTS": f"{self.named('products')}:50051",
            "WAYBILL_ORDERS": f"{self.named('orders')}:50052",
        }
        state = ["--volume", f"{self.named('identity')}:/var/lib/waybill"]
        self._start("client", [*variables(where), *state, "--entrypoint", "sleep"], "infinity")

    def serve(self, part: str, port: int, environ: dict[str, str]) -> None:
        """Start a service and wait until it serves."""
        data = ["--volume", f"{self.named(part)}:/var/lib/waybill"]
        identity = ["--volume", f"{self.named('identity')}:/identity:ro"]
        publish = ["--publish", f"127.0.0.1::{port}"]
        self._start(part, [*variables(environ), *data, *identity, *publish], f"{part}_svc")
        self.wait(part)

    def _start(self, part: str, own: Sequence[str], *words: str) -> None:
        # Podman adds writable /tmp and /run to a read-only container unless told not to.
        strict = ["--read-only-tmpfs=false"] if self.engine.program.endswith("podman") else []
        common = [*HARDENED, *strict, "--network", self._room.name]
        run = ("run", "--detach", "--name", self.named(part))
        self.engine(*run, *common, *own, self.image, *words)
        self._room.at_end(partial(self.engine, "rm", "--force", self.named(part)))

    def _inside(self, part: str, *words: str) -> str:
        """Run a program of the image in a container that is there; what it prints."""
        return self.engine("exec", self.named(part), "python", "-m", *words)
