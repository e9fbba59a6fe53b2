"""A products service of any size for a follower: it makes its grants up as it sends them.

    python -m loadtest.scale.source --subjects 100 --grants-each 1000 --rates 200 2000

It tells on standard output, a JSON object a line, what it does when (seconds since the epoch).
Grants and changes are put together from bytes that were serialised once, so that what is measured
is the follower and not the making of its input.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from grpc import aio

from shop.products.v1.products_pb2 import (
    Change,
    ChangeBatch,
    Grant,
    Heartbeat,
    SnapshotEnd,
    SnapshotGrants,
    SnapshotStart,
    WatchAccessRequest,
    WatchAccessResponse,
)

EPOCH = 1
PART = 1000
"""Grants in one message of a snapshot, changes in one of a burst: as many as products sends."""
TICK_S = 0.025
"""How often paced changes are sent, as often as products looks for them."""
HEARTBEAT_S = 0.25
RESUMED = "resumed"
"""Said where the follower lost its stream, and asks for the rest of it."""
METHOD = "WatchAccess"
SERVICE = "shop.products.v1.ProductsService"
_SNAPSHOT_FIELD = WatchAccessResponse.DESCRIPTOR.fields_by_name["snapshot_grants"].number
_GRANTS_FIELD = SnapshotGrants.DESCRIPTOR.fields_by_name["grants"].number


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent: a snapshot, a burst as fast as it is taken, then changes at each rate."""

    subjects: int
    grants_each: int
    burst: int
    rates_per_s: tuple[int, ...]
    seconds_each: float

    @property
    def grants(self) -> int:
        """Grants in the snapshot."""
        return self.subjects * self.grants_each


def product_id(number: int) -> str:
    """Like the catalogue's SKUs: three letters, six digits, two digits."""
    return f"{'ABCDEFGHJK'[number % 10]}RY-{number:06d}-{number % 97:02d}"


def subject(number: int) -> str:
    """A subject's name."""
    return f"user-{number:08d}"


class Source:
    """Serves one watcher."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._revision = plan.grants

    async def watch(self, request: bytes, _context: object) -> AsyncGenerator[bytes, None]:
        """Everything that the plan has, as serialised responses; then heartbeats."""
        asked = WatchAccessRequest.FromString(request)
        if asked.resume_revision:
            say(RESUMED)  # the plan is for one stream
            return
        say("snapshot", grants=self._plan.grants)
        for response in self._snapshot():
            yield response
        say("snapshot_sent")
        yield self._heartbeat()
        say("burst", changes=self._plan.burst, revision=self._revision + self._plan.burst)
        for start in range(0, self._plan.burst, PART):
            yield self._changes(min(PART, self._plan.burst - start))
        yield self._heartbeat()
        # The burst is to be applied before the clock of the lag starts.
        async for response in self._beating_until_told("go"):
            yield response
        for rate in self._plan.rates_per_s:
            async for response in self._paced(rate):
                yield response
        say("done")
        while True:
            yield self._heartbeat()
            await asyncio.sleep(HEARTBEAT_S)

    async def _beating_until_told(self, word: str) -> AsyncIterator[bytes]:
        """Wait for a line on standard input, with heartbeats: silence ends a stream."""
        line = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        while not line.done():
            yield self._heartbeat()
            await asyncio.wait([line], timeout=HEARTBEAT_S)
        if line.result().strip() != word:
            raise RuntimeError(f"expected {word!r}")

    async def _paced(self, rate_per_s: int) -> AsyncIterator[bytes]:
        say("rate", per_s=rate_per_s)
        began, sent, beat_at = time.monotonic(), 0, 0.0
        while (passed := time.monotonic() - began) < self._plan.seconds_each:
            due = int(passed * rate_per_s) - sent
            if due:
                yield self._changes(due)
                sent += due
            if time.monotonic() >= beat_at:
                yield self._heartbeat()
                beat_at = time.monotonic() + HEARTBEAT_S
            await asyncio.sleep(TICK_S)
        say("rate_done", per_s=rate_per_s, changes=sent, revision=self._revision)

    def _snapshot(self) -> Iterator[bytes]:
        plan = self._plan
        revision = self._revision
        start = WatchAccessResponse(epoch=EPOCH, snapshot_start=SnapshotStart(revision=revision))
        yield start.SerializeToString()
        parts = [
            SnapshotGrants(
                revision=revision, grants=[_grant(number) for number in range(first, last)]
            ).SerializeToString()
            for first, last in _ranges(plan.grants_each)
        ]
        head = WatchAccessResponse(epoch=EPOCH).SerializeToString()
        for number in range(plan.subjects):
            named = SnapshotGrants(subject=subject(number)).SerializeToString()
            for part in parts:
                # Serialised messages one after the other are one message with the fields of both.
                yield head + _field(_SNAPSHOT_FIELD, named + part)
        end = SnapshotEnd(revision=revision, grant_count=plan.grants)
        yield WatchAccessResponse(epoch=EPOCH, snapshot_end=end).SerializeToString()

    def _changes(self, count: int) -> bytes:
        """The next changes: each subject in turn loses a grant, and gets it again later."""
        first = self._revision + 1
        batch = ChangeBatch(previous_revision=self._revision)
        now = time.time()
        for revision in range(first, first + count):
            batch.changes.append(self._change(revision, now))
        self._revision += count
        return WatchAccessResponse(epoch=EPOCH, changes=batch).SerializeToString()

    def _change(self, revision: int, now: float) -> Change:
        plan = self._plan
        number = revision % plan.grants_each
        change = Change(revision=revision, subject=subject(revision % plan.subjects))
        if (revision // plan.grants) % 2:
            change.revoked_product_id = product_id(number)
        else:
            change.granted.CopyFrom(_grant(number))
        change.commit_time.FromNanoseconds(int(now * 1e9))
        return change

    def _heartbeat(self) -> bytes:
        beat = Heartbeat(revision=self._revision)
        beat.send_time.GetCurrentTime()
        return WatchAccessResponse(epoch=EPOCH, heartbeat=beat).SerializeToString()


def _grant(number: int) -> Grant:
    return Grant(product_id=product_id(number), max_quantity=10, unit_price_micros=1_990_000)


def change_bytes() -> int:
    """One change on the feed, in a message of its own."""
    return len(Source(Plan(1, 1000, 0, (), 0.0))._changes(1))


def _ranges(count: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, PART):
        yield first, min(first + PART, count)


def _field(number: int, body: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def say(what: str, **facts: object) -> None:
    """Tell the measuring process."""
    print(json.dumps({"what": what, "at": time.time(), **facts}), flush=True)


async def serve(plan: Plan) -> None:
    """Serve on a free loopback port until killed."""
    server = aio.server()
    handler: Any = grpc.unary_stream_rpc_method_handler(Source(plan).watch)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    say("ready", port=port)
    await server.wait_for_termination()


def main(argv: Sequence[str] | None = None) -> None:
    """Read the plan and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.scale.source",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--subjects", type=int, required=True)
    parser.add_argument("--grants-each", type=int, required=True)
    parser.add_argument("--burst", type=int, default=100_000)
    parser.add_argument("--rates", type=int, nargs="*", default=[])
    parser.add_argument("--seconds-each", type=float, default=10.0)
    given: Any = parser.parse_args(argv)
    asyncio.run(
        serve(
            Plan(
                given.subjects,
                given.grants_each,
                given.burst,
                tuple(given.rates),
                given.seconds_each,
            )
        )
    )


if __name__ == "__main__":
    main()
