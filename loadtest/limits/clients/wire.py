"""A client that sends what it is told and has no limits: what it sees are the hop's.

Run as `python -m loadtest.limits.clients.wire HOST PORT [--huffman] [--tls] [--ca FILE]`.
"""

import argparse
import json
import ssl
import struct
import time
from collections.abc import Sequence

from loadtest.limits import entries
from loadtest.limits.asks import Ask, End, Outcome
from loadtest.limits.clients.connection import Connection, Stream, connect
from loadtest.limits.clients.lines import answer_lines
from loadtest.limits.entries import Pair

INNOCENT_HOLD_S = 0.3


class WireClient:
    """Makes calls on a connection that it keeps while it can."""

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None, huffman: bool) -> None:
        self._host, self._port = host, port
        self._tls, self._huffman = tls, huffman
        self._kept: Connection | None = None

    def run(self, ask: Ask) -> list[Outcome]:
        """Do what is asked; one outcome for each call.

        Raises:
            OSError: nobody listens.
        """
        connection = self._connection(ask)
        innocents = [self._start_innocent(connection, ask) for _ in range(ask.innocents)]
        headers = self._headers(ask, entries.entries(ask.request))
        began = time.monotonic()
        numbers = [connection.start(headers, ask_body(ask)) for _ in range(ask.times)]
        connection.flush()
        watched = [connection.streams[number] for number in (*numbers, *innocents)]
        connection.wait(lambda: all(s.ended for s in watched), began + ask.deadline_s)
        lost = sum(_grpc_status(connection.streams[n]) != 0 for n in innocents)
        seen = _Seen(ask, headers, connection, began, lost)
        outcomes = [seen.outcome(connection.streams[number]) for number in numbers]
        self._forget(connection, watched)
        return outcomes

    def close(self) -> None:
        """Drop the kept connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _connection(self, ask: Ask) -> Connection:
        if ask.first or self._kept is None:
            self.close()
            opened = connect(
                (self._host, self._port),
                tls=self._tls,
                huffman=self._huffman,
                timeout_s=ask.deadline_s,
            )
            self._kept = opened
            if not ask.first:
                self._warm(opened, ask)
        return self._kept

    def _warm(self, connection: Connection, ask: Ask) -> None:
        """Make a small call and wait until both sides know each other's settings."""
        stream = connection.streams[connection.start(self._headers(ask, ()), message_body(None))]
        connection.flush()
        connection.wait(
            lambda: stream.ended and connection.settings_acknowledged,
            time.monotonic() + ask.deadline_s,
        )

    def _start_innocent(self, connection: Connection, ask: Ask) -> int:
        body = message_body({"hold_s": INNOCENT_HOLD_S})
        return connection.start(self._headers(ask, ()), body)

    def _forget(self, connection: Connection, watched: Sequence[Stream]) -> None:
        connection.streams.clear()
        if not connection.usable or not all(s.ended for s in watched):
            self.close()

    def _headers(self, ask: Ask, sent: Sequence[Pair]) -> list[Pair]:
        return [
            (":method", "POST"),
            (":scheme", "https" if self._tls else "http"),
            (":path", ask.method),
            (":authority", f"{self._host}:{self._port}"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "waybill-probe"),
            *ask.extra,
            *sent,
        ]


class _Seen:
    """What is common to the calls that were made at once."""

    def __init__(
        self, ask: Ask, request: list[Pair], connection: Connection, began: float, lost: int
    ) -> None:
        self._ask, self._request = ask, request
        self._connection, self._began, self._lost = connection, began, lost

    def outcome(self, stream: Stream) -> Outcome:
        connection = self._connection
        last = dict(stream.trailing or stream.initial)
        return Outcome(
            end=_end(connection, stream),
            http=int(dict(stream.initial).get(":status", 0)) or None,
            grpc=_grpc_status(stream),
            error=stream.reset if stream.reset is not None else connection.goaway,
            text=last.get("grpc-message", ""),
            intact=intact(self._ask, bytes(stream.body[5:]), stream.initial, stream.trailing),
            held_ms=round(1000 * ((stream.ended_at or time.monotonic()) - self._began), 1),
            request_bytes=entries.list_bytes(self._request),
            request_entries=len(self._request),
            initial_bytes=entries.list_bytes(stream.initial),
            initial_entries=len(stream.initial),
            trailing_bytes=entries.list_bytes(stream.trailing),
            trailing_entries=len(stream.trailing),
            innocents=self._ask.innocents,
            innocents_lost=self._lost,
            connection_lost=not connection.usable,
            settings=tuple(sorted(connection.settings.items())),
        )


def ask_body(ask: Ask) -> bytes:
    """The request message of `ask`, framed; empty where no metadata is wished back."""
    wish = {"initial": ask.initial, "trailing": ask.trailing}
    return message_body(wish if ask.initial or ask.trailing else None)


def message_body(wish: object) -> bytes:
    """A gRPC message of `wish` as JSON; None is the empty message, which every service decodes."""
    message = json.dumps(wish).encode() if wish is not None else b""
    return struct.pack(">BI", 0, len(message)) + message


def intact(
    ask: Ask, message: bytes, initial: Sequence[Pair], trailing: Sequence[Pair]
) -> bool | None:
    """Whether what went and what came is what was asked; None where the service cannot say."""
    try:
        arrived = json.loads(message)["digest"]
    except (ValueError, KeyError, TypeError):
        return None
    pairs = (
        (ask.request, arrived),
        (ask.initial, entries.digest(initial)),
        (ask.trailing, entries.digest(trailing)),
    )
    return all(entries.digest(entries.entries(sizes)) == seen for sizes, seen in pairs)


def _end(connection: Connection, stream: Stream) -> End:
    if stream.reset is not None:
        return End.RESET
    if stream.ended:
        return End.ANSWERED
    if connection.goaway is not None:
        return End.GOAWAY
    return End.CLOSED if connection.closed else End.HUNG


def _grpc_status(stream: Stream) -> int | None:
    found = dict([*stream.initial, *stream.trailing]).get("grpc-status")
    return int(found) if found and found.isdigit() and stream.ended else None


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if not arguments.tls:
        return None
    context = ssl.create_default_context(cafile=arguments.ca)
    context.set_alpn_protocols(["h2"])
    return context


def main() -> None:
    """Read the command line and answer lines until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--huffman", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--ca")
    given = parser.parse_args()
    client = WireClient(given.host, given.port, tls=_tls(given), huffman=given.huffman)
    answer_lines(client.run)


if __name__ == "__main__":
    main()
