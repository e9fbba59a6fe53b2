"""The pods of overlay `full`, played by Podman: one of each workload, engines included."""

import secrets
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import yaml

from tools import playable
from tools.containers import Engine, EngineFailed, Room, variables
from tools.deploy import Resource, rendered
from tools.running_shop import PORTS, ShopOnEngines

STATE: Final = "/var/lib/waybill"
LOGINS: Final = ("products", "orders")


class PoddedShop(ShopOnEngines):
    """Both services and the engines, each in a pod on one network."""

    def __init__(self, engine: Engine, image: str) -> None:
        super().__init__(engine)
        self._image = image
        self._room = Room(engine)

    def __enter__(self) -> Self:
        self._room.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        self._room.__exit__(*problem)

    def up(self) -> None:
        """Make keys and passwords, start all pods and wait until both services serve."""
        resources = rendered("full")
        self._room.volume(self._room.name)
        stage = playable.Stage(self._secrets(), self._image, PORTS, f"{self._room.name}-")
        maps = playable.config_maps(resources, stage)
        pods = playable.pods(resources, stage)
        self._refuse_others(pods)
        for pod in pods.values():
            for volume, owner in playable.owned_volumes(pod).items():
                self._room.volume(volume, "--opt", f"o=uid={owner},gid={owner}")
        for name in sorted(pods, key=lambda name: name in PORTS):
            self._play(pods[name], maps)
        self.wait_for_both()

    def named(self, part: str) -> str:
        """The container of one part."""
        return f"{part}-{part}"

    def client(self, *words: str) -> str:
        """What the shop's client prints."""
        where = {f"WAYBILL_{part.upper()}": f"{part}:{port}" for part, port in PORTS.items()}
        return self._run(*variables(where), self._image, "client", *words)

    def _secrets(self) -> dict[str, dict[str, str]]:
        """What must not stand in a repository, made as docs/deployment.md says."""
        self.client("login", "orders", "--service", "--write-token", f"{STATE}/token")
        self._run(self._image, "products_svc", "rotate-keys")
        return {
            "user-keys": {"users-jwks.json": self._read("users-jwks.json")},
            "orders-service-token": {"orders-service-token": self._read("token")},
            "products-signing-keys": {
                "products-signing-keys.json": self._read("products-signing-keys.json")
            },
            "engines": _engines(lambda: secrets.token_hex(16)),
        }

    def _read(self, name: str) -> str:
        return self._run("--entrypoint", "cat", self._image, f"{STATE}/{name}")

    def _run(self, *words: str) -> str:
        state = ("--volume", f"{self._room.name}:{STATE}")
        return self.engine("run", "--rm", "--network", self._room.name, *state, *words)

    def _refuse_others(self, names: Iterable[str]) -> None:
        """Pods have the names of Services, by which they find each other: no others may."""
        there = self.engine("pod", "ps", "--format", "{{.Name}}").split()
        if taken := sorted(set(names) & set(there)):
            raise EngineFailed(f"remove pods of somebody else first: {', '.join(taken)}")

    def _play(self, pod: Resource, maps: list[Resource]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pod.yaml"
            file.write_text(yaml.safe_dump_all([*maps, pod]), "utf-8")
            name = pod["metadata"]["name"]
            for volume in playable.map_volumes(pod):
                self._room.at_end(partial(self.engine, "volume", "rm", "--force", volume))
            self._room.at_end(partial(self._remove, name))
            self.engine("kube", "play", "--network", self._room.name, str(file))

    def _remove(self, pod: str) -> None:
        # The init container has a volume without a name, which `pod rm` would leave behind.
        of_pod = ("--filter", f"pod={pod}", "--filter", f"name=^{pod}-")
        if mine := self.engine("ps", "--all", "--quiet", *of_pod).split():
            self.engine("rm", "--force", "--volumes", *mine)
        self.engine("pod", "rm", "--force", "--ignore", pod)


def _engines(password: Callable[[], str]) -> dict[str, str]:
    """The secret `engines`."""
    kinds = ("postgresql", "valkey", "nats")
    own = {f"{kind}-{login}-password": password() for kind in kinds for login in LOGINS}
    made = own | {"postgresql-password": password()}
    for login in LOGINS:
        sql, keys, feed = (own[f"{kind}-{login}-password"] for kind in kinds)
        made[f"{login}-database-url"] = f"postgresql://{login}:{sql}@postgresql/{login}"
        made[f"{login}-reference-url"] = f"valkey://{login}:{keys}@valkey"
        made[f"{login}-feed-url"] = f"nats://{login}:{feed}@nats:4222"
    return made | {"replica-url": made["orders-reference-url"]}
