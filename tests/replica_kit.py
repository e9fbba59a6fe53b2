"""Where a copy can be kept, for suites that must hold for each."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from orders_svc.replica.copy import CopyReader, CopyWriter
from orders_svc.replica.environments import FolderEnvironment, OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.replica.valkey.reader import ValkeyReader
from orders_svc.replica.valkey.server import CopyServer
from orders_svc.replica.valkey.writer import ValkeyWriter
from orders_svc.replica.writer import ReplicaWriter

Clock = Callable[[], float]
TIMEOUT_S = 20.0
"""Of a server that is there; a busy machine must not fail a test."""
LEASE_S = 60.0
_numbers = itertools.count()


class Place(Protocol):
    """Keeps one copy. Writers and readers are the caller's to close."""

    def writer(self) -> CopyWriter: ...

    def reader(self, writer: CopyWriter | None, clock: Clock, /) -> CopyReader: ...


class LmdbPlace:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def writer(self) -> CopyWriter:
        return ReplicaWriter(ReplicaStore(self._folder, 1 << 20))

    def reader(self, writer: CopyWriter | None, clock: Clock) -> CopyReader:
        if isinstance(writer, ReplicaWriter):
            return ReplicaReader(OwnEnvironment(writer.environment), Trust(clock=clock))
        return ReplicaReader(FolderEnvironment(self._folder), Trust(clock=clock))


class ValkeyPlace:
    """A prefix of its own in a real server."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.prefix = f"{folder}-{next(_numbers)}"

    def server(self, timeout_s: float = TIMEOUT_S, *, again: bool = False) -> CopyServer:
        return CopyServer(self.url, self.prefix, timeout_s, again=again)

    def writer(self) -> ValkeyWriter:
        return ValkeyWriter(self.server(), lease_s=LEASE_S)

    def reader(self, _writer: CopyWriter | None, clock: Clock) -> ValkeyReader:
        return ValkeyReader(self.server(again=True), Trust(clock=clock))

    def key(self, name: str) -> str:
        """The server's key of that name."""
        return f"{{{self.prefix}}}:{name}"
