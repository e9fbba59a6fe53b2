"""Three NATS servers of one cluster on loopback, as processes."""

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
        self._servers[name].kill()
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
