"""Machines of one switch, as network namespaces: each with an address, each to be cut off.

Needs root and `ip` (Debian's iproute2). A machine that is cut off is silent, not refused: packets
to it are lost, as behind a broken cable, so that what notices does so by its own deadlines.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random

INSTALL = "sudo apt-get install iproute2"
NOBODY = "02:00:00:00:00:ff"
"""A hardware address that no machine of the switch has."""
LAB = "lab"
"""The machine that this process is on."""


class NoNetworks(Exception):
    """Network namespaces cannot be made here; the text says what is missing."""


def check_possible() -> None:
    """Say whether `Network` can work.

    Raises:
        NoNetworks: it cannot.
    """
    if not shutil.which("ip"):
        raise NoNetworks(f"network namespaces need `ip`; install it with: {INSTALL}")
    if os.geteuid() != 0:
        raise NoNetworks("network namespaces need root")
    done = _ip("netns", "list", check=False)
    if done.returncode:
        raise NoNetworks(f"network namespaces are not possible here: {done.stderr.strip()}")


@dataclass
class Network:
    """A switch with machines. A context manager; everything is gone at its end.

    The lab itself is a machine too: it reaches the others under their addresses.
    """

    machines: Sequence[str]
    _name: str = field(default_factory=lambda: f"wb{os.getpid() % 10_000}")
    _net: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Network":
        check_possible()
        chance = Random(os.getpid())  # noqa: S311 -- so that two labs seldom meet
        self._net = f"10.{chance.randrange(64, 128)}.{chance.randrange(256)}"
        with ExitStack() as starting:
            starting.enter_context(self._namespace("switch"))
            self._inside("switch", "link", "add", "switch", "type", "bridge")
            self._inside("switch", "link", "set", "switch", "up")
            for machine in (LAB, *self.machines):
                starting.enter_context(self._machine(machine))
            self._stack = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def address(self, machine: str) -> str:
        """The machine's IPv4 address."""
        return f"{self._net}.{(LAB, *self.machines).index(machine) + 1}"

    def command(self, machine: str, argv: Sequence[str]) -> tuple[str, ...]:
        """What runs `argv` on a machine, as the same process."""
        return ("ip", "netns", "exec", self._space(machine), *argv)

    @contextmanager
    def cut_off(self, machine: str) -> Iterator[None]:
        """Nobody reaches the machine, nor it anybody, while the `with` lasts."""
        self._inside("switch", "link", "set", self._port(machine), "down")
        try:
            yield
        finally:
            self._inside("switch", "link", "set", self._port(machine), "up")

    @contextmanager
    def cut_between(self, one: str, other: str) -> Iterator[None]:
        """The two lose each other, while the `with` lasts; all others reach both."""
        for here, there in ((one, other), (other, one)):
            self._neighbour("replace", here, there, "lladdr", NOBODY, "nud", "permanent")
        try:
            yield
        finally:
            for here, there in ((one, other), (other, one)):
                self._neighbour("del", here, there)

    def _neighbour(self, verb: str, here: str, there: str, *rest: str) -> None:
        """What a machine knows of another's hardware address."""
        words = ("neigh", verb, self.address(there), *rest, "dev", "eth0")
        self._inside(here, *words)

    @contextmanager
    def _machine(self, machine: str) -> Iterator[None]:
        with ExitStack() as stack:
            if machine != LAB:
                stack.enter_context(self._namespace(machine))
            port, own = self._port(machine), self._interface(machine)
            _ip("link", "add", own, "type", "veth", "peer", "name", port)
            stack.callback(_ip, "link", "del", own, check=False)
            _ip("link", "set", port, "netns", self._space("switch"))
            self._inside("switch", "link", "set", port, "master", "switch", "up")
            if machine == LAB:
                _ip("addr", "add", f"{self.address(LAB)}/24", "dev", own)
                _ip("link", "set", own, "up")
            else:
                _ip("link", "set", own, "netns", self._space(machine), "name", "eth0")
                self._inside(machine, "addr", "add", f"{self.address(machine)}/24", "dev", "eth0")
                self._inside(machine, "link", "set", "eth0", "up")
                self._inside(machine, "link", "set", "lo", "up")
            yield

    @contextmanager
    def _namespace(self, machine: str) -> Iterator[None]:
        _ip("netns", "add", self._space(machine))
        try:
            yield
        finally:
            _ip("netns", "del", self._space(machine), check=False)

    def _space(self, machine: str) -> str:
        return f"{self._name}-{machine}"

    def _number(self, machine: str) -> int:
        return (LAB, *self.machines).index(machine)

    def _interface(self, machine: str) -> str:
        """A name of at most 15 characters, as the kernel wants it."""
        return f"{self._name}m{self._number(machine)}"

    def _port(self, machine: str) -> str:
        return f"{self._name}p{self._number(machine)}"

    def _inside(self, machine: str, *words: str) -> None:
        _ip("-n", self._space(machine), *words)


def _ip(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run `ip`.

    Raises:
        NoNetworks: it failed, where that is checked.
    """
    done = subprocess.run(("ip", *words), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise NoNetworks(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done
