"""A Valkey cluster of processes on loopback: three primaries, and a standby of one of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import valkey

from loadtest.valkey import ValkeyServer
from mesh.launcher import free_port

SLOTS = 16_384
PRIMARIES = 3
WAIT_S = 20.0


class Cluster:
    """Nodes that know each other; the last one stands by for the node that has `key`."""

    def __init__(self, nodes: list[ValkeyServer], key: str) -> None:
        self._nodes = nodes
        self._raw: list[Any] = [
            valkey.Valkey.from_url(node.url, decode_responses=True) for node in nodes
        ]
        slot = int(self._raw[0].execute_command("CLUSTER", "KEYSLOT", key))
        self._identities = [raw.execute_command("CLUSTER", "MYID") for raw in self._raw]
        self._owner = next(i for i in range(PRIMARIES) if slot in _slots(i))
        self._introduce()

    @property
    def url(self) -> str:
        """All nodes, for clients."""
        return f"valkey+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self._nodes)}"

    @property
    def owner(self) -> ValkeyServer:
        """The node that has the key at first."""
        return self._nodes[self._owner]

    def flush(self) -> None:
        """Empty it."""
        for raw in self._raw[:PRIMARIES]:
            raw.flushall()

    def cut_standby_off(self) -> None:
        """Let nothing more come to the standby, which goes on with what it has."""
        self._raw[-1].config_set("primaryauth", "wrong")
        self._raw[self._owner].execute_command("CLIENT", "KILL", "TYPE", "replica")
        _until(lambda: self._raw[-1].info("replication")["master_link_status"] == "down")

    def fail_over(self) -> None:
        """Kill the owner and promote the standby, by hand: a busy machine must elect nobody."""
        self.owner.kill()
        self._raw[-1].execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
        _until(lambda: self._raw[-1].info("replication")["role"] == "master")
        gone = self._identities[self._owner]
        left = [raw for number, raw in enumerate(self._raw) if number != self._owner]
        _until(lambda: all(_knows_all(raw) and gone not in _owners(raw) for raw in left))

    def close(self) -> None:
        """Close our own connections."""
        for raw in self._raw:
            raw.close()

    def _introduce(self) -> None:
        for number, raw in enumerate(self._raw):
            raw.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < PRIMARIES:
                ends = _slots(number)
                raw.execute_command("CLUSTER", "ADDSLOTSRANGE", ends.start, ends.stop - 1)
        for raw, node in zip(self._raw[1:], self._nodes[1:], strict=True):
            bus = raw.config_get("cluster-port")["cluster-port"]
            self._raw[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        owner = self._identities[self._owner]
        _until(lambda: owner in str(self._raw[-1].execute_command("CLUSTER", "NODES")))
        self._raw[-1].execute_command("CLUSTER", "REPLICATE", owner)
        _until(lambda: all(map(_knows_all, self._raw)))
        _until(lambda: self._raw[-1].info("replication")["master_link_status"] == "up")


@contextmanager
def running_cluster(folder: Path, key: str) -> Iterator[Cluster]:
    """A cluster, with a standby of the node that has `key`."""
    with ExitStack() as stack:
        nodes = []
        for number in range(PRIMARIES + 1):
            own = folder / str(number)
            own.mkdir()
            nodes.append(stack.enter_context(ValkeyServer(own, more=_options())))
        cluster = Cluster(nodes, key)
        stack.callback(cluster.close)
        yield cluster


def _options() -> list[str]:
    options = {
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "repl-diskless-sync-delay": "0",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _slots(number: int) -> range:
    return range(SLOTS * number // PRIMARIES, SLOTS * (number + 1) // PRIMARIES)


def _knows_all(raw: Any) -> bool:
    return "cluster_state:ok" in str(raw.execute_command("CLUSTER", "INFO"))


def _owners(raw: Any) -> str:
    """The nodes that have slots, as a node sees it."""
    return str(raw.execute_command("CLUSTER", "SLOTS"))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the cluster has not come that far"
        time.sleep(0.01)
