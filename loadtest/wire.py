"""Bytes on the wire, from the kernel's own count of this process's TCP connections.

Linux counts for each connection the bytes of the stream that it sent and received, without TCP and
IP headers: tcpi_bytes_sent less tcpi_bytes_retrans, and tcpi_bytes_received, of `struct tcp_info`
(linux/tcp.h; RFC 4898 names the like tcpEStatsAppHCThruOctets). Nothing stands between client and
service that could change timing or framing, and what HTTP/2 framing and HPACK made of a call is
counted as it was.
"""

import os
import stat
import struct

# The C class under `socket`, since Locust's patching replaces the one above it.
from _socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM
from _socket import socket as Socket  # noqa: N812
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass

from loadtest.results import WireBytes

TCP_INFO = 11
"""Of linux/tcp.h; Python names it on some systems only."""
_RECEIVED = (128, "Q")
_SENT_AND_RETRANSMITTED = (200, "QQ")
"""Offset and form of fields in `struct tcp_info`, which only ever grows at its end."""
_INFO_BYTES = 216

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection's bytes so far."""

    up: int
    down: int


def supported() -> bool:
    """Whether this system counts: Linux since 4.19."""
    with closing(Socket(AF_INET, SOCK_STREAM)) as probe:
        try:
            return len(probe.getsockopt(IPPROTO_TCP, TCP_INFO, _INFO_BYTES)) == _INFO_BYTES
        except OSError:
            return False


def address_of(target: str) -> Address:
    """Host and port of a gRPC target such as `127.0.0.1:50052` or `dns:///shop.test:443`.

    Raises:
        ValueError: there is no port in it.
    """
    host, _, port = target.rpartition("/")[2].rpartition(":")
    if not port.isdecimal():
        raise ValueError(f"{target}: a target is host:port")
    return host.strip("[]"), int(port)


def connections(ports: frozenset[int]) -> dict[int, Connection]:
    """This process's connections to any host at one of `ports`, by inode."""
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - Path would stat what may be gone
        with suppress(OSError):
            status = os.fstat(int(name))
            counted = _connection(int(name), ports) if stat.S_ISSOCK(status.st_mode) else None
            if counted is not None:
                found[status.st_ino] = counted
    return found


def _connection(descriptor: int, ports: frozenset[int]) -> Connection | None:
    """What was counted for a socket.

    Raises:
        OSError: it is not connected, or was closed in the meantime.
    """
    with closing(Socket(fileno=os.dup(descriptor))) as socket:
        if socket.family not in (AF_INET, AF_INET6) or socket.type != SOCK_STREAM:
            return None
        if socket.getpeername()[1] not in ports:
            return None
        info = socket.getsockopt(IPPROTO_TCP, TCP_INFO, _INFO_BYTES)
    (received,) = struct.unpack_from(_RECEIVED[1], info, _RECEIVED[0])
    sent, again = struct.unpack_from(_SENT_AND_RETRANSMITTED[1], info, _SENT_AND_RETRANSMITTED[0])
    return Connection(up=sent - again, down=received)


class WireMeter:
    """Counts what this process sends to and receives from a service.

    Connections are told apart by their inode, and found by the peer's port, since the kernel knows
    addresses and a target may be a name.
    """

    def __init__(self, target: str) -> None:
        self._ports = frozenset({address_of(target)[1]})
        self._counts = supported()

    def read(self) -> Mapping[int, Connection]:
        """Every connection to the service as it is now."""
        return connections(self._ports) if self._counts else {}

    def since(self, before: Mapping[int, Connection]) -> WireBytes | None:
        """Bytes since `before` was read.

        None where they cannot be known: the system does not count, or a connection has ended and
        has taken its count along.
        """
        after = self.read()
        if not after or not before.keys() <= after.keys():
            return None
        return WireBytes(
            up=sum(now.up for now in after.values()) - sum(was.up for was in before.values()),
            down=sum(now.down for now in after.values()) - sum(was.down for was in before.values()),
        )
