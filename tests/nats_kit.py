"""What a stream holds, as an operator sees it, and followers over it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from structlog.typing import FilteringBoundLogger

from orders_svc.feed.follower import Follower, started
from orders_svc.feed.jetstream import JetStreamFeed
from orders_svc.feed.jetstream_log import JetStreamChanges
from orders_svc.feed.pace import Pace
from orders_svc.feed.recent import LoggedChanges
from orders_svc.products_client import ProductsClient, TokenFile, open_channel
from orders_svc.replica.environments import OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.sink import ReplicaSink
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.replica.writer import ReplicaWriter
from orders_svc.revocations import RevocationSink
from shop.products.v1.products_pb2 import WatchAccessResponse
from tests.products_kit import Lab
from waybill.errors import RevocationsUnknown, StateSuperseded
from waybill.expectations import Expectations
from waybill.jetstream import FeedSubjects, connected
from waybill.revocation import Revocations, RevocationTerms
from waybill.serving.logs import make_logger
from waybill.values import State, VerifiedState

CONSUMER = "a-copy"
QUICK = Pace(silence_s=1.0, backoff_s=0.02, max_backoff_s=0.1)
TERMS = RevocationTerms(max_lifetime_s=300, slack_s=40.0, lag_bound_s=5.0)
_numbers = itertools.count()


def new_stream() -> str:
    """A name that no other test of this process has."""
    return f"access-{next(_numbers)}"


@asynccontextmanager
async def operating(url: str) -> AsyncIterator[JetStreamContext]:
    """The server, for what only an operator does."""
    async with connected(url, "operator") as client:
        yield client.jetstream()


async def published(url: str, stream: str) -> list[WatchAccessResponse]:
    """All changes that the stream holds, in order."""
    async with operating(url) as js:
        state = (await js.stream_info(stream)).state
        found = []
        for number in range(max(1, state.first_seq), state.last_seq + 1):  # 0: still empty
            with suppress(NotFoundError):  # a heartbeat that a later one has replaced
                message = await js.get_msg(stream, number)
                if message.subject == FeedSubjects(stream).changes:
                    found.append(WatchAccessResponse.FromString(message.data or b""))
        return found


async def revisions(url: str, stream: str) -> list[int]:
    """Those of the changes that the stream holds; each batch follows on the one before."""
    batches = [event.changes for event in await published(url, stream)]
    for before, after in itertools.pairwise(batches):
        assert after.previous_revision == before.changes[-1].revision
    return [change.revision for batch in batches for change in batch.changes]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - the services are real
            await asyncio.sleep(0.01)


async def begun(url: str, stream: str) -> None:
    """Until somebody publishes."""

    async def there() -> bool:
        async with operating(url) as js:
            with suppress(Exception):
                return (await js.stream_info(stream)).state.last_seq > 0
        return False

    await until(there)


async def until_published(url: str, stream: str, revision: int) -> list[int]:
    """The revisions that the stream holds once it holds this one."""
    found: list[int] = []

    async def holds() -> bool:
        found[:] = await revisions(url, stream)
        return revision in found

    await until(holds)
    return found


class Copy:
    """The orders service's half: a copy that is fed over NATS, with snapshots from products."""

    def __init__(self, lab: Lab, folder: Path, url: str, stream: str) -> None:
        store = ReplicaStore(folder / "replica", 1 << 20)
        self._lab = lab
        self._token = folder / "service-token"
        self._token.write_text(str(lab.credential("orders", "service")[1]).removeprefix("Bearer "))
        self._url = url
        self._stream = stream
        self._writer = ReplicaWriter(store)
        self.reader = ReplicaReader(OwnEnvironment(store.environment), Trust(clock=lab.clock))

    @asynccontextmanager
    async def following(self, products_port: int) -> AsyncIterator[Follower]:
        """A follower, as a process's life long."""
        channel = open_channel(f"127.0.0.1:{products_port}")
        products = ProductsClient(channel, TokenFile(self._token))
        follower = Follower(
            JetStreamFeed(self._url, self._stream, CONSUMER, products),
            ReplicaSink(self._writer, self._lab.clock),
            name="replica",
            log=make_logger("critical"),
            pace=QUICK,
            clock=self._lab.clock,
        )
        task = asyncio.create_task(follower.run())
        try:
            yield follower
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await products.close()

    async def granted(self, subject: str, *product_ids: str, revision: int) -> set[str]:
        """What the copy grants once it is at `revision` and may be believed."""

        async def there() -> bool:
            status = self.reader.status()
            return status.problem is None and status.revision >= revision

        await until(there)
        return set(self.reader.grants(subject, product_ids, revision))

    async def close(self) -> None:
        await self._writer.close()


class Worker:
    """What one process of the orders service knows of revocations, over NATS alone."""

    def __init__(
        self,
        url: str,
        stream: str,
        clock: Callable[[], float],
        log: FilteringBoundLogger | None = None,
    ) -> None:
        """Knows nothing yet, and has no way to products."""
        self._clock = clock
        self.known = Revocations(TERMS, clock)
        self.follower = Follower(
            LoggedChanges(JetStreamChanges(url, stream).opened, TERMS.retention_s, clock),
            RevocationSink(self.known),
            name="revocations",
            log=log or make_logger("critical"),
            pace=QUICK,
            clock=clock,
        )

    @asynccontextmanager
    async def following(self) -> AsyncIterator["Worker"]:
        """As a process's life long."""
        stop = started(self.follower)
        try:
            yield self
        finally:
            await stop()

    def issued(self, subject: str, revision: int) -> VerifiedState[None]:
        """State, of now."""
        now = int(self._clock())
        said = State("products", "orders", subject, revision, now, now + TERMS.max_lifetime_s, None)
        return Expectations("products", "orders", self._clock).verified(said)

    def outcome(self, state: VerifiedState[None]) -> str:
        """What becomes of it: `ok`, or the reason of its refusal."""
        try:
            self.known.check(state)
        except (StateSuperseded, RevocationsUnknown) as refusal:
            return refusal.reason
        return "ok"

    async def until(self, state: VerifiedState[None], outcome: str) -> set[str]:
        """Return once that becomes of it; all that did until then."""
        seen: set[str] = set()

        async def so() -> bool:
            seen.add(self.outcome(state))
            return outcome in seen

        await until(so)
        return seen
