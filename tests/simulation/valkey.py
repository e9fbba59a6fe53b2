"""The copy in a real Valkey server, on the same virtual clock.

Time stands still while a question is with the server, so that no real delay, however long, is a
delay in the history. The lease's time to live is real, and so is taken away by hand when its
virtual time is over.
"""

import asyncio
import selectors
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, cast

import valkey

from orders_svc.feed.steps import Position
from orders_svc.replica.records import Meta, unpack_row
from orders_svc.replica.status import Trust
from orders_svc.replica.valkey.meta import meta_of
from orders_svc.replica.valkey.reader import ValkeyReader
from orders_svc.replica.valkey.server import CopyServer
from orders_svc.replica.valkey.writer import ValkeyWriter
from shop.products.v1.products_pb2 import Change
from tests.simulation.history import Grants, History, Lost, Wrote
from tests.simulation.keeper import Told
from tests.simulation.notes import Notes
from tests.simulation.recording import pair
from tests.simulation.world import World

LEASE_S = 60.0
VIRTUAL_LEASE_S = 2.5
TIMEOUT_S = 1000.0
HOW = {
    "begin": "staging",
    "commit": "snapshot",
    "apply": "changes",
    "complete": "complete",
    "incomplete": "incomplete",
}
KEYS = ("meta", "a", "b", "lease", "staging")


def play_in_valkey(seed: int, url: str, prefix: str) -> History:
    """A history of this seed, whose copy is under `prefix` in the server."""
    random, notes = Random(seed), Notes()
    with asyncio.Runner(loop_factory=SteppedLoop) as runner, valkey.Valkey.from_url(url) as raw:
        keeper = ValkeyKeeper(url, prefix, raw, notes)
        return runner.run(World(seed, random, notes, keeper).play())


class SteppedSelector(selectors.DefaultSelector):
    """Waits for sockets in real time while somebody is answered, and else lets time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.asked = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(1.0 if self.asked and timeout != 0 else 0)
        if not ready and not self.asked and timeout:
            self.now += timeout
        return ready


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, with real sockets."""

    def __init__(self) -> None:
        self.stepped = SteppedSelector()
        super().__init__(self.stepped)

    def time(self) -> float:
        return self.stepped.now


class SteppedServer(CopyServer):
    """Says when somebody is answered; says nothing to the dead."""

    dead = False

    async def ask(self, script: str, *arguments: str | bytes | float) -> Any:
        if self.dead:
            await asyncio.Event().wait()
        stepped = cast("SteppedLoop", asyncio.get_running_loop()).stepped
        stepped.asked += 1
        try:
            return await super().ask(script, *arguments)
        finally:
            stepped.asked -= 1


class RecordingWriter(ValkeyWriter):
    """Writes down what is done, at once: nobody else asks in between."""

    def __init__(self, server: CopyServer, keeper: "ValkeyKeeper") -> None:
        super().__init__(server, lease_s=LEASE_S)
        self._keeper = keeper
        self._revisions: Sequence[int] = ()

    async def apply(self, position: Position, changes: Sequence[Change]) -> None:
        self._revisions = [change.revision for change in changes]
        await super().apply(position, changes)

    async def _write(self, script: str, *arguments: str | bytes | float) -> None:
        async with self._keeper.turn:
            await super()._write(script, *arguments)
            if script in HOW:
                self._keeper.note(HOW[script], self._revisions if script == "apply" else ())


class ValkeyKeeper:
    """The copy under one prefix; the server may lose it, or come back with an older one."""

    suffers = 6

    def __init__(self, url: str, prefix: str, raw: Any, notes: Notes) -> None:
        self._url = url
        self._prefix = prefix
        self._raw = raw
        self._notes = notes
        self._suffering: list[asyncio.Task[None]] = []
        self._servers: list[SteppedServer] = []
        self.turn = asyncio.Lock()

    def open(self, lag_bound_s: float) -> None:
        self.writer = RecordingWriter(self._connect(again=False), self)
        server = self._connect(again=True)
        self._reader = ValkeyReader(server, Trust(lag_bound_s, self._notes.clock))

    async def close(self) -> None:
        await self.writer.close()
        for task in self._suffering:
            task.cancel()
        for server in self._servers:  # also of those that were killed
            await server.close()

    def die(self) -> None:
        for server in self._servers:
            server.dead = True

    def bury(self) -> None:
        if self.writer._keeping is not None:
            self.writer._keeping.cancel()
        lease_is_over = asyncio.get_running_loop().call_later
        lease_is_over(VIRTUAL_LEASE_S, self._end_lease_of, self.writer._token)

    async def position(self) -> Position:
        return self._meta().position

    async def read(self, subject: str, asked: Sequence[str], min_revision: int) -> Told:
        async with self.turn:
            return await self._reader.grants(subject, asked, min_revision), self._meta()

    async def read_patiently(self, subject: str, asked: Sequence[str], min_revision: int) -> Told:
        return await self.read(subject, asked, min_revision)

    async def suffer(self, random: Random) -> None:
        what = random.choice((self._forget, self._evict, self._come_back_older))
        self._notes.happened(f"the store: {what.__name__}")
        self._suffering.append(asyncio.create_task(what(random.uniform(0.5, 5.0))))

    def note(self, how: str, revisions: Sequence[int]) -> None:
        """Write down what the copy is, and how it became that."""
        notes = self._notes
        notes.records.append(
            Wrote(notes.at, notes.clock(), how, revisions, self._meta(), self._grants())
        )

    def _connect(self, *, again: bool) -> SteppedServer:
        server = SteppedServer(self._url, self._prefix, TIMEOUT_S, again=again)
        self._servers.append(server)
        return server

    async def _forget(self, _seconds: float) -> None:
        async with self.turn:
            self._lose(*KEYS)

    async def _evict(self, _seconds: float) -> None:
        async with self.turn:
            self._lose("a", "b")

    async def _come_back_older(self, seconds: float) -> None:
        """With what it had some time before, as from a file or a standby."""
        found = {name: self._raw.dump(self._key(name)) for name in ("meta", "a", "b")}
        await asyncio.sleep(seconds)
        async with self.turn:
            self._lose("meta", "a", "b", "staging")  # the lease may have been there by then
            for name, dumped in found.items():
                if dumped is not None:
                    self._raw.restore(self._key(name), 0, dumped)

    def _lose(self, *names: str) -> None:
        self._raw.delete(*map(self._key, names))
        self._notes.records.append(Lost(self._notes.at))

    def _end_lease_of(self, token: str) -> None:
        if self._raw.get(self._key("lease")) == token.encode():
            self._raw.delete(self._key("lease"))

    def _meta(self) -> Meta:
        """As the script `describe` has it, asked behind the loop's back."""
        names: Iterable[str] = ("format", "epoch", "revision", "synced_at", "ready", "grants")
        found = self._raw.hmget(self._key("meta"), *names)
        whole = found[0] is not None and self._raw.hlen(self._slot()) == int(found[-1])
        return meta_of(found[1:] if whole else ())

    def _grants(self) -> Grants:
        rows = self._raw.hgetall(self._slot())
        return {pair(name): unpack_row(value)[:2] for name, value in rows.items()}

    def _slot(self) -> str:
        return self._key("b" if self._raw.hget(self._key("meta"), "slot") == b"b" else "a")

    def _key(self, name: str) -> str:
        return f"{{{self._prefix}}}:{name}"
