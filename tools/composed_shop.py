"""The shop as deploy/compose.yaml and compose.engines.yaml bring it up, engines included."""

import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from tools.containers import Engine, EngineFailed, output
from tools.running_shop import ENGINES, ShopOnEngines

DEPLOY: Final = Path(__file__).resolve().parents[1] / "deploy"
FILES: Final = (DEPLOY / "compose.yaml", DEPLOY / "compose.engines.yaml")
PASSWORDS: Final = ("POSTGRES_PASSWORD", "PRODUCTS_PASSWORD", "ORDERS_PASSWORD")
STAND_IN: Final = "org.waybill.stand-in"
"""The label of images that `make image-engines` made."""


class ComposedShop(ShopOnEngines):
    """Both services and the engines, as a project of its own.

    Args:
        engine: what runs the containers
        compose: the words that start Compose, such as `docker compose`
    """

    def __init__(self, engine: Engine, compose: Sequence[str]) -> None:
        super().__init__(engine)
        self._project = f"waybill-check-{uuid.uuid4().hex[:8]}"
        files = (word for file in FILES for word in ("-f", str(file)))
        self._words = [*compose, "-p", self._project, *files]
        self._environ = {name: secrets.token_hex(16) for name in PASSWORDS}

    def __exit__(self, *_: object) -> None:
        self._compose("down", "--volumes", "--timeout", "10")

    def up(self) -> None:
        """Start all services and wait until they serve.

        podman-compose does not wait for health by Podman 4.3, so the file's own check is run here.
        """
        self._compose("up", "--detach", "--no-build", *ENGINES)
        self.until("postgresql is healthy", self._is_healthy)
        self._compose("up", "--detach", "--no-build")
        self.wait_for_both()

    def _is_healthy(self) -> bool:
        container = self.named("postgresql")
        if not self.engine.program.endswith("podman"):
            return bool(self.engine.inspect(container)["State"]["Health"]["Status"] == "healthy")
        try:
            self.engine("healthcheck", "run", container)
        except EngineFailed:
            return False
        return True

    def named(self, part: str) -> str:
        """The container of one part."""
        labels = {"project": self._project, "service": part}
        ours = [f"--filter=label=com.docker.compose.{name}={its}" for name, its in labels.items()]
        return self.engine("ps", "--all", "--quiet", *ours)

    def client(self, *words: str) -> str:
        """What the shop's client prints."""
        return self._compose("--profile", "client", "run", "--rm", "-T", "client", *words)

    def _compose(self, *words: str) -> str:
        return output([*self._words, *words], self._environ)


def stand_ins(engine: Engine) -> dict[str, str]:
    """What the images of the engines are.

    Raises:
        EngineFailed: one is not there; the text says what to do.
    """
    services = yaml.safe_load(FILES[1].read_text("utf-8"))["services"]
    return {services[name]["image"]: _kind(engine, services[name]["image"]) for name in ENGINES}


def _kind(engine: Engine, image: str) -> str:
    try:
        labels = engine.inspect(image)["Config"].get("Labels") or {}
    except EngineFailed as missing:
        advice = f"{image} is missing: pull it, or make a stand-in (`make image-engines`)"
        raise EngineFailed(advice) from missing
    return "a stand-in" if STAND_IN in labels else "an image of its name"
