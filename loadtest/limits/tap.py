"""A wire tap: passes TCP connections on, and can decode the headers that went by."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import hpack
from hyperframe.frame import ContinuationFrame, Frame, HeadersFrame

from loadtest.limits.entries import Pair
from mesh.hop import Address

PREFACE_BYTES = 24
FRAME_HEADER_BYTES = 9
LARGEST_LIST_BYTES = 1 << 26


@dataclass(slots=True)
class _Recorded:
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)


class Tap:
    """Listens on a loopback port and passes everything on to `upstream`, keeping a copy."""

    def __init__(self, upstream: Address) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._recorded: list[_Recorded] = []
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def requests(self) -> list[list[Pair]]:
        """Header lists that went up, in order, over all connections so far."""
        return [one for seen in self._recorded for one in header_lists(bytes(seen.up), up=True)]

    def responses(self) -> list[list[Pair]]:
        """Header and trailer lists that came down, likewise."""
        return [one for seen in self._recorded for one in header_lists(bytes(seen.down), up=False)]

    def close(self) -> None:
        """Stop listening, and end what is open."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                service = socket.create_connection((self._upstream.host, self._upstream.port))
                self._open += [caller, service]
                seen = _Recorded()
                self._recorded.append(seen)
                for pumped in ((caller, service, seen.up), (service, caller, seen.down)):
                    threading.Thread(target=_pump, args=pumped, daemon=True).start()


@contextmanager
def tapped(upstream: Address) -> Iterator[Tap]:
    """A tap in front of `upstream` until the context ends."""
    tap = Tap(upstream)
    try:
        yield tap
    finally:
        tap.close()


def header_lists(data: bytes, *, up: bool) -> list[list[Pair]]:
    """The header lists in one direction of an HTTP/2 connection, from its first byte on."""
    decoder = hpack.Decoder(max_header_list_size=LARGEST_LIST_BYTES)
    position, block, found = PREFACE_BYTES if up else 0, b"", []
    while position + FRAME_HEADER_BYTES <= len(data):
        view = memoryview(data)[position : position + FRAME_HEADER_BYTES]
        frame, length = Frame.parse_frame_header(view)
        position += FRAME_HEADER_BYTES
        if position + length > len(data):
            break
        if isinstance(frame, HeadersFrame | ContinuationFrame):
            frame.parse_body(memoryview(data)[position : position + length])
            block += frame.data
            if "END_HEADERS" in frame.flags:
                found.append([(_text(k), _text(v)) for k, v in decoder.decode(block, raw=True)])
                block = b""
        position += length
    return found


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _pump(source: socket.socket, sink: socket.socket, copy: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            copy += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
