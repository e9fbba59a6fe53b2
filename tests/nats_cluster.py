"""Three NATS servers of one cluster on loopback, as processes."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from nats.errors import Error as NatsError

from loadtest.nats import NatsServer
from mesh.launcher import free_port
from tests.nats_kit import until
from waybill.jetstream import connected

SERVERS = 3


class NatsCluster:
    """Servers that agree by majority; one may be gone."""

    def __init__(self, servers: dict[str, NatsServer]) -> None:
        self._servers = servers

    @property
    def url(self) -> str:
        """All of them, for clients."""
        return f"nats://{','.join(f'127.0.0.1:{each.port}' for each in self._servers.values())}"

    @property
    def names(self) -> list[str]:
        """Of the servers, in the order of the URL."""
        return list(self._servers)

    def url_from(self, name: str) -> str:
        """The URL with the server of this name first."""
        ports = [self._servers[each].port for each in sorted(self._servers, key=name.__ne__)]
        return f"nats://{','.join(f'127.0.0.1:{port}' for port in ports)}"

    async def leader(self, stream: str, consumer: str | None = None) -> str:
        """The name of the server that leads the stream, or a consumer of it; all have it."""
        found = ""

        async def answers() -> bool:
            nonlocal found
            async with connected(self.url, "operator") as client:
                js = client.jetstream(timeout=0.2)
                with suppress(NatsError):
                    if consumer is None:
                        group = (await js.stream_info(stream)).cluster
                    else:
                        group = (await js.consumer_info(stream, consumer)).cluster
                    if group and len(group.replicas or []) == SERVERS - 1:
                        found = group.leader or ""
            return bool(found)

        await until(answers)
        return found

    async def lead(self, name: str, stream: str, consumer: str | None = None) -> None:
        """Let the server of this name lead the stream, or a consumer of it."""
        kind, what = "STREAM", stream
        if consumer is not None:
            kind, what = "CONSUMER", f"{stream}.{consumer}"
        wish = json.dumps({"placement": {"preferred": name}}).encode()

        async def leads() -> bool:
            if await self.leader(stream, consumer) == name:
                return True
            async with connected(self.url, "operator") as client:
                with suppress(NatsError):
                    await client.request(f"$JS.API.{kind}.LEADER.STEPDOWN.{what}", wish)
            return False

        await until(leads)

    async def has_elected(self) -> None:
        """Until it can be asked for streams."""

        async def answers() -> bool:
            async with connected(self.url, "operator") as client:
                with suppress(NatsError):
                    await client.jetstream(timeout=0.2).account_info()
                    return True
            return False

        await until(answers)

    def restart(self, name: str) -> None:
        """End the server of this name in good order, so that another leads, and start it again."""
        self._servers[name].stop()
        self._servers[name].__enter__()

    def crash(self, name: str) -> None:
        """End it without a word, and start it again, as a supervisor does."""
        with self.without(name):
            pass

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """End it without a word; it is started again only at the end."""
        self._servers[name].kill()
        try:
            yield
        finally:
            self._servers[name].__enter__()


@contextmanager
def running_nats_cluster(folder: Path) -> Iterator[NatsCluster]:
    """The servers, which need a moment to elect their leaders."""
    names = [f"server-{number}" for number in range(SERVERS)]
    ports = [free_port() for _ in names]
    routes = ", ".join(f'"nats-route://127.0.0.1:{port}"' for port in ports)
    with ExitStack() as stack:
        servers = {}
        for name, port in zip(names, ports, strict=True):
            (folder / name).mkdir()
            cluster = f"cluster {{ name: test, listen: 127.0.0.1:{port}, routes: [{routes}] }}"
            more = f"server_name: {name}\n{cluster}"
            server = NatsServer(folder / name, port=free_port(), more=more)
            servers[name] = stack.enter_context(server)
        yield NatsCluster(servers)
