"""Both services and the client in containers that may do nothing else.

Every container is started as deploy/compose.yaml starts it: a root file system that cannot be
written, no capabilities, no new privileges, and one volume.
"""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Final, Self

from tools.containers import Engine, EngineFailed, variables
from waybill.serving.strategy_health import EVERY_STRATEGY

HARDENED: Final = ("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
STOP_S: Final = 30
"""The grace period of compose file and manifests; who needs longer is killed."""
SERVING_S: Final = 60.0
LOOK_S: Final = 0.2
INSIDE: Final = Path(__file__).resolve().parents[1] / "deploy" / "check" / "inside.py"
GRPCURL: Final = Path(sys.executable).parent / "grpcurl"


class CheckFailed(RuntimeError):
    """The image does not do what it should; the text says what."""


class ContainedShop(AbstractContextManager["ContainedShop"]):
    """Both services in containers on a network of their own."""

    def __init__(self, engine: Engine, image: str) -> None:
        self.engine = engine
        self.image = image
        self._name = f"waybill-check-{uuid.uuid4().hex[:8]}"
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.engine("network", "create", self._name)
            undo.callback(self.engine, "network", "rm", self._name)
            for kind in ("identity", "products", "orders"):
                self.engine("volume", "create", self.named(kind))
                undo.callback(self.engine, "volume", "rm", self.named(kind))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def named(self, part: str) -> str:
        """The container or volume of one part."""
        return f"{self._name}-{part}"

    def client(self, *words: str) -> str:
        """What the shop's client prints."""
        return self._inside("client", "client", *words)

    def orders(self) -> set[str]:
        """The ids of the customer's orders."""
        return {
            order["order_id"] for order in json.loads(self.client("orders", "--json"))["orders"]
        }

    def generated(self, **sizes: int) -> str:
        """Fill the products service's database, beside the service; what that says."""
        flags = [f"--{name.replace('_', '-')}={size}" for name, size in sizes.items()]
        return self._inside("products", "products_svc", "generate", *flags).splitlines()[-1]

    def facts(self) -> dict[str, Any]:
        """What INSIDE finds in a container."""
        script = INSIDE.read_text("utf-8")
        words = ("exec", self.named("client"), "python", "-c", script)
        found: dict[str, Any] = json.loads(self.engine(*words))
        return found

    def open(self) -> None:
        """Start the container that the client's commands run in."""
        where = {
            "WAYBILL_PRODUCTS": f"{self.named('products')}:50051",
            "WAYBILL_ORDERS": f"{self.named('orders')}:50052",
        }
        flags = [*variables(where), "--volume", f"{self.named('identity')}:/var/lib/waybill"]
        self._start("client", [*flags, "--entrypoint", "sleep"], "infinity")

    def serve(self, part: str, port: int, environ: dict[str, str]) -> None:
        """Start a service and wait until it serves."""
        data = ["--volume", f"{self.named(part)}:/var/lib/waybill"]
        identity = ["--volume", f"{self.named('identity')}:/identity:ro"]
        publish = ["--publish", f"127.0.0.1::{port}"]
        self._start(part, [*variables(environ), *data, *identity, *publish], f"{part}_svc")
        self.wait(part)

    def wait(self, part: str) -> None:
        """Return once the part's health is SERVING."""
        port = {"products": 50051, "orders": 50052}[part]
        until = time.monotonic() + SERVING_S
        while "SERVING" not in self._health(self.engine.published(self.named(part), port)):
            if time.monotonic() > until:
                raise CheckFailed(f"{part} does not serve:\n{self.logs(part)}")
            time.sleep(LOOK_S)

    def logs(self, part: str) -> str:
        """The last that a service said."""
        try:
            return self.engine("logs", "--tail", "5", self.named(part))
        except EngineFailed as failed:
            return str(failed)

    def ends_well(self, part: str) -> None:
        """Stop a service, which must end by itself within the grace period."""
        self.engine("stop", "-t", str(STOP_S), self.named(part))
        code = self.engine.exit_code(self.named(part))
        if code:
            raise CheckFailed(f"{part} ended with {code} when it was stopped")

    def restart(self, *parts: str) -> None:
        """Start stopped services again and wait until they serve."""
        for part in parts:
            self.engine("start", self.named(part))
        for part in parts:
            self.wait(part)

    def _start(self, part: str, flags: Sequence[str], *words: str) -> None:
        # Podman adds writable /tmp and /run to a read-only container unless told not to.
        strict = ["--read-only-tmpfs=false"] if self.engine.program.endswith("podman") else []
        flags = [*HARDENED, *strict, "--network", self._name, *flags]
        self.engine("run", "--detach", "--name", self.named(part), *flags, self.image, *words)
        self._undo.callback(self.engine, "rm", "--force", self.named(part))

    def _inside(self, part: str, *words: str) -> str:
        """Run a program of the image in a container that is there; what it prints."""
        return self.engine("exec", self.named(part), "python", "-m", *words)

    @staticmethod
    def _health(target: str) -> str:
        asked = ["-d", f'{{"service": "{EVERY_STRATEGY}"}}']
        words = [str(GRPCURL), "-plaintext", *asked, target, "grpc.health.v1.Health/Check"]
        answer = subprocess.run(words, check=False, capture_output=True, text=True)
        return answer.stdout.replace("NOT_SERVING", "")
