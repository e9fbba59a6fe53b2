"""One HTTP/2 connection without any limit of its own, which tells everything that happens on it."""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import hpack
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from loadtest.limits.entries import Pair

LARGEST_LIST_BYTES = 1 << 26
READ_BYTES = 1 << 16


class _PlainEncoder(hpack.Encoder):
    """Writes text as it is. gRPC's C core does so; Go, Node and Envoy use Huffman coding."""

    def encode(self, headers: Any, huffman: bool = False) -> bytes:  # noqa: ARG002 - see above
        return super().encode(headers, huffman=False)


class _LinearHuffman(HuffmanEncoder):
    """Huffman coding in time linear in the text; hpack's own takes seconds for 100 KB."""

    _BITS = tuple(f"{c:0{n}b}" for c, n in zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True))

    def encode(self, bytes_to_encode: bytes | None) -> bytes:
        bits = "".join(self._BITS[byte] for byte in bytes_to_encode or b"")
        bits += "1" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


@dataclass(slots=True)
class Stream:
    """What one call has seen so far."""

    initial: list[Pair] = field(default_factory=list)
    trailing: list[Pair] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    reset: int | None = None
    ended: bool = False
    ended_at: float = 0.0


class Connection:
    """A client's connection. Not for use by several threads."""

    def __init__(
        self, connected: socket.socket, *, huffman: bool, now: Callable[[], float]
    ) -> None:
        self._socket = connected
        self._now = now
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True, header_encoding="utf-8", validate_inbound_headers=False
            )
        )
        self._raise_own_limits()
        self._h2.encoder = hpack.Encoder() if huffman else _PlainEncoder()
        coder = _LinearHuffman(REQUEST_CODES, REQUEST_CODES_LENGTH)
        self._h2.encoder.huffman_coder = coder
        self.streams: dict[int, Stream] = {}
        self.goaway: int | None = None
        self.closed = False
        self.settings: dict[int, int] = {}
        self.settings_acknowledged = False
        self._h2.initiate_connection()

    def _raise_own_limits(self) -> None:
        self._h2.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.ENABLE_PUSH: 0}
        )
        self._h2.decoder.max_header_list_size = LARGEST_LIST_BYTES

    @property
    def usable(self) -> bool:
        """Whether another call can be made on it."""
        return not self.closed and self.goaway is None

    @property
    def over(self) -> bool:
        """Whether nothing more will come: closed, or given up for an error."""
        return self.closed or bool(self.goaway)

    def start(self, headers: list[Pair], body: bytes) -> int:
        """Queue one call; `flush` sends it. Returns the stream's number."""
        number = self._h2.get_next_available_stream_id()
        secret = [hpack.NeverIndexedHeaderTuple(name, value) for name, value in headers]
        self._h2.send_headers(number, secret)
        self._h2.send_data(number, body, end_stream=True)
        self.streams[number] = Stream()
        return number

    def flush(self) -> None:
        """Send what is queued. A connection that breaks meanwhile is noted as closed."""
        try:
            self._socket.sendall(self._h2.data_to_send())
        except OSError:
            # What the other side said before it closed may still be there to read.
            self._drain()
            self.closed = True

    def wait(self, done: Callable[[], bool], deadline: float) -> None:
        """Read until `done`, the deadline (on the clock's scale), or the connection's end."""
        while not done() and not self.over and (left := deadline - self._now()) > 0:
            self._socket.settimeout(left)
            self._read_once()

    def close(self) -> None:
        self._socket.close()
        self.closed = True

    def _drain(self) -> None:
        self._socket.settimeout(0.2)
        while not self.closed:
            before = self._now()
            self._read_once()
            if self._now() - before >= 0.2:
                return

    def _read_once(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        try:
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.closed = True
            return
        for event in events:
            self._take(event)
        if answer := self._h2.data_to_send():
            try:
                self._socket.sendall(answer)
            except OSError:
                self.closed = True

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ConnectionTerminated():
                self.goaway = int(event.error_code or 0)
            case h2.events.RemoteSettingsChanged():
                for code, change in event.changed_settings.items():
                    self.settings[int(code)] = change.new_value
            case h2.events.SettingsAcknowledged():
                self.settings_acknowledged = True
            case _:
                self._take_stream(event)

    def _take_stream(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        match event:
            case h2.events.ResponseReceived():
                stream.initial = [(str(k), str(v)) for k, v in event.headers or ()]
            case h2.events.TrailersReceived():
                stream.trailing = [(str(k), str(v)) for k, v in event.headers or ()]
            case h2.events.DataReceived():
                stream.body += event.data or b""
                length, number = event.flow_controlled_length or 0, event.stream_id or 0
                self._h2.acknowledge_received_data(length, number)
            case h2.events.StreamReset():
                stream.reset = int(event.error_code or 0)
                self._end(stream)
            case h2.events.StreamEnded():
                self._end(stream)

    def _end(self, stream: Stream) -> None:
        stream.ended = True
        stream.ended_at = self._now()


def connect(
    address: tuple[str, int], *, tls: ssl.SSLContext | None, huffman: bool, timeout_s: float
) -> Connection:
    """Open a connection; nothing is sent before the first `flush`.

    Raises:
        OSError: nobody listens, or the handshake failed.
    """
    connected = socket.create_connection(address, timeout=timeout_s)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is not None:
        connected = tls.wrap_socket(connected, server_hostname=address[0])
    return Connection(connected, huffman=huffman, now=time.monotonic)
