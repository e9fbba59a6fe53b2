"""A Valkey cluster of processes on loopback: three primaries, and a standby of one of them."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
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
        slot = self._slot(key)
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
        _until(lambda: not _follows(self._raw[-1]))

    def fail_over(self) -> None:
        """Kill the owner and promote the standby, by hand: a busy machine must elect nobody."""
        self.owner.kill()
        self._raw[-1].execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
        _until(lambda: self._raw[-1].info("replication")["role"] == "master")
        gone = self._identities[self._owner]
        left = [raw for number, raw in enumerate(self._raw) if number != self._owner]
        _until(lambda: all(_knows_all(raw) and gone not in _owners(raw) for raw in left))

    @contextmanager
    def moving(self, key: str) -> Iterator[None]:
        """The slot of `key` moves to another primary: within, its keys are half there, if many.

        By hand and key by key, as clusters did it before Valkey 9.
        """
        slot = self._slot(key)
        source, target = self._owner, (self._owner + 1) % PRIMARIES
        old, new = self._raw[source], self._raw[target]
        new.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self._identities[source])
        old.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self._identities[target])
        keys = self._keys(source, slot)
        self._migrate(source, target, keys[: len(keys) // 2])
        yield
        self._migrate(source, target, self._keys(source, slot))
        for raw in (new, old):
            raw.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self._identities[target])

    def move(self, key: str) -> None:
        """The slot of `key` moves to another primary at once, as clusters do it since Valkey 9."""
        slot, target = self._slot(key), (self._owner + 1) % PRIMARIES
        order = ("SLOTSRANGE", slot, slot, "NODE", self._identities[target])
        self._raw[self._owner].execute_command("CLUSTER", "MIGRATESLOTS", *order)
        _until(lambda: slot in self._held(target))

    def tell(self, kind: str, wanted: Collection[tuple[str, int]]) -> None:
        """Let nodes tell clients the `hostname` of each, or its `ip`: these places, then."""
        for raw in self._raw:
            raw.config_set("cluster-preferred-endpoint-type", kind)
        _until(lambda: all(_told(raw) == wanted for raw in self._raw))

    def close(self) -> None:
        """Close our own connections."""
        for raw in self._raw:
            raw.close()

    def _slot(self, key: str) -> int:
        return int(self._raw[0].execute_command("CLUSTER", "KEYSLOT", key))

    def _keys(self, node: int, slot: int) -> list[str]:
        return list(self._raw[node].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100))

    def _held(self, node: int) -> set[int]:
        """The slots of a node, as it sees that itself."""
        me = self._identities[node]
        return {
            slot
            for start, end, *nodes in self._raw[node].execute_command("CLUSTER", "SLOTS")
            if nodes[0][2] == me
            for slot in range(start, end + 1)
        }

    def _migrate(self, source: int, target: int, keys: Sequence[str]) -> None:
        if keys:
            place = ("127.0.0.1", self._nodes[target].port, "", 0, 5000)
            self._raw[source].execute_command("MIGRATE", *place, "KEYS", *keys)

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
        standbys = self._raw[PRIMARIES:]
        _until(
            lambda: all(owner in str(raw.execute_command("CLUSTER", "NODES")) for raw in standbys)
        )
        for raw in standbys:
            raw.execute_command("CLUSTER", "REPLICATE", owner)
        _until(lambda: all(map(_knows_all, self._raw)))
        _until(lambda: all(_follows(raw) for raw in standbys))


@contextmanager
def running_cluster(folder: Path, key: str) -> Iterator[Cluster]:
    """A cluster, with a standby of the node that has `key`."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(_node(folder)) for _ in range(PRIMARIES + 1)]
        yield stack.enter_context(closing(Cluster(nodes, key)))


@contextmanager
def announcing_cluster(folder: Path, ports: Mapping[int, int], name: str) -> Iterator[Cluster]:
    """A cluster without a standby, whose clients come to other ports than the nodes' own.

    `ports` are what each port is announced as, `name` is what all hosts are.
    """
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                _node(
                    folder,
                    *("--cluster-announce-port", str(announced)),
                    *("--cluster-announce-hostname", name),
                    port=port,
                )
            )
            for port, announced in ports.items()
        ]
        cluster = stack.enter_context(closing(Cluster(nodes, "any")))
        cluster.tell("hostname", {(name, announced) for announced in ports.values()})
        yield cluster


def _node(folder: Path, *more: str, port: int | None = None) -> ValkeyServer:
    own = folder / secrets.token_hex(4)
    own.mkdir()
    options = {
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "repl-diskless-sync-delay": "0",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return ValkeyServer(own, port=port, more=[*words, *more])


def _slots(number: int) -> range:
    return range(SLOTS * number // PRIMARIES, SLOTS * (number + 1) // PRIMARIES)


def _knows_all(raw: Any) -> bool:
    return "cluster_state:ok" in str(raw.execute_command("CLUSTER", "INFO"))


def _follows(standby: Any) -> bool:
    return bool(standby.info("replication")["master_link_status"] == "up")


def _owners(raw: Any) -> str:
    """The nodes that have slots, as a node sees it."""
    return str(raw.execute_command("CLUSTER", "SLOTS"))


def _told(raw: Any) -> set[tuple[str, int]]:
    """Where a node says that clients find all of them."""
    slots = raw.execute_command("CLUSTER", "SLOTS")
    return {(str(node[0]), int(node[1])) for _, _, *nodes in slots for node in nodes}


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the cluster has not come that far"
        time.sleep(0.01)
