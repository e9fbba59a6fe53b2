"""The stream of a feed in JetStream, as its publisher sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from products_svc.feed.publisher import Outrun, Published
from shop.products.v1 import products_pb2 as pb
from waybill.jetstream import TIMEOUT_S, FeedSubjects, JetStreamUnavailable, connected, translated

WRONG_LAST_SEQUENCE = 10071
"""The server's number for: another message came in between."""
PAYLOAD_SHARE = 0.9
"""The part of the server's largest message that is used; the rest is for headers."""


class JetStreamLog:
    """Opens the stream of this name, and makes it where it is missing."""

    def __init__(self, url: str, stream: str, keep: int, replicas: int = 1) -> None:
        """A new stream keeps `keep` messages on `replicas` servers; an old one stays as it is."""
        self._url = url
        self._subjects = FeedSubjects(stream)
        self._new = _configuration(self._subjects, keep, replicas)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["JetStreamWriter"]:
        """The stream over a connection of its own.

        Raises:
            JetStreamUnavailable: it cannot be reached, or made.
        """
        async with connected(
            self._url, f"products, publisher of {self._subjects.stream}"
        ) as client:
            writer = JetStreamWriter(client, self._subjects)
            await writer.prepare(self._new)
            yield writer


class JetStreamWriter:
    """Appends to the stream, each message right after the one that it knows as the last.

    The server refuses a message that does not follow on the expected one, so whatever publishers
    there are, and whenever one of them is suspended, the stream is one history in order.
    """

    def __init__(self, client: Client, subjects: FeedSubjects) -> None:
        self._subjects = subjects
        self._js = client.jetstream(timeout=TIMEOUT_S)
        self._largest = int(client.max_payload * PAYLOAD_SHARE)
        self._last = 0

    async def prepare(self, new: api.StreamConfig) -> None:
        """See that the stream is there, as `new` where there is none, and where it ends."""
        with translated():
            try:
                info = await self._js.stream_info(self._subjects.stream)
            except NotFoundError:
                info = await self._js.add_stream(new)
        self._last = info.state.last_seq

    async def newest(self) -> Published | None:
        """What the stream says last; None if it says nothing."""
        kinds = (self._subjects.changes, self._subjects.heartbeats)
        found = [await self._newest_of(subject) for subject in kinds]
        return max((each for each in found if each is not None), default=None)

    async def append(self, message: pb.WatchAccessResponse) -> None:
        """Publish a heartbeat or changes, in as many messages as the server's limit needs.

        It is on the server's disk then.

        Raises:
            Outrun: somebody else has published since; what the stream says last is another.
            JetStreamUnavailable: it may have been published nevertheless.
        """
        for part in _parts(message, self._largest):
            if part.HasField("heartbeat"):
                await self._publish(self._subjects.heartbeats, part, {api.Header.ROLLUP: "sub"})
            else:
                name = f"{part.epoch}/{part.changes.changes[-1].revision}"
                await self._publish(self._subjects.changes, part, {api.Header.MSG_ID: name})

    async def _publish(
        self, subject: str, message: pb.WatchAccessResponse, headers: dict[api.Header, str]
    ) -> None:
        named = {key.value: value for key, value in headers.items()}
        named[api.Header.EXPECTED_LAST_SEQUENCE.value] = str(self._last)
        with translated():
            try:
                ack = await self._js.publish(subject, message.SerializeToString(), headers=named)
            except APIError as refused:
                if refused.err_code == WRONG_LAST_SEQUENCE:
                    raise Outrun from refused
                raise
        # A duplicate was published before, and is not there: else it would be known, or what is
        # expected be wrong, as the next message will tell. Somebody took it out; readers see a gap.
        if not ack.duplicate:
            self._last = ack.seq

    async def _newest_of(self, subject: str) -> Published | None:
        with translated():
            try:
                found = await self._js.get_last_msg(self._subjects.stream, subject)
            except NotFoundError:
                return None
        return _published(found.data or b"")


def _configuration(subjects: FeedSubjects, keep: int, replicas: int) -> api.StreamConfig:
    return api.StreamConfig(
        name=subjects.stream,
        description="Changes of entitlements, by the products service",
        subjects=[subjects.changes, subjects.heartbeats],
        retention=api.RetentionPolicy.LIMITS,
        discard=api.DiscardPolicy.OLD,
        storage=api.StorageType.FILE,
        max_msgs=keep,
        num_replicas=replicas,
        allow_rollup_hdrs=True,
    )


def _published(data: bytes) -> Published:
    message = pb.WatchAccessResponse.FromString(data)
    if message.HasField("heartbeat"):
        return Published(message.epoch, message.heartbeat.revision)
    return Published(message.epoch, message.changes.changes[-1].revision)


def _parts(message: pb.WatchAccessResponse, largest: int) -> list[pb.WatchAccessResponse]:
    """The message, or its changes in halves of halves until each part fits."""
    batch = message.changes
    if message.ByteSize() <= largest:
        return [message]
    if len(batch.changes) < 2:
        raise JetStreamUnavailable("one change is larger than the server's largest message")
    middle = len(batch.changes) // 2
    before = batch.changes[middle - 1].revision
    halves = (
        (batch.previous_revision, batch.changes[:middle]),
        (before, batch.changes[middle:]),
    )
    return [
        part
        for previous, changes in halves
        for part in _parts(
            pb.WatchAccessResponse(
                epoch=message.epoch,
                changes=pb.ChangeBatch(previous_revision=previous, changes=changes),
            ),
            largest,
        )
    ]
